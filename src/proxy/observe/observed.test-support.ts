/** What a proxy tells its observer, gathered: metrics as they are scraped, and lines of the access log. */
import { MetricsHub } from './metrics-hub.ts';
import { createObserver } from './observer.ts';

export class Observed {
  /** Lines of the access log that are written out, as JSON. */
  readonly lines: Record<string, unknown>[] = [];
  readonly #hub = new MetricsHub();
  readonly observer = createObserver({
    accessLog: 'json',
    send: (report) => {
      if (report.type === 'metrics') this.#hub.receive(0, report);
      else for (const line of report.text.trimEnd().split('\n')) this.lines.push(JSON.parse(line));
    },
  });

  /** All lines so far. */
  get logged(): readonly Record<string, unknown>[] {
    this.observer.flush();
    return this.lines;
  }

  /** The sum of a metric's series whose labels contain the text. */
  metric(name: string, labels = ''): number {
    const lines = this.#hub.render().split('\n');
    const values = lines.filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
    return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
