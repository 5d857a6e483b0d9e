/** What `npm test` prints: a line for each process (a file, or a group of them), then failures in full and the totals of all. */
import { basename, relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const failures: string[] = [];
  const totals: Record<string, number> = { tests: 0, passed: 0, cancelled: 0, skipped: 0, todo: 0 };
  for await (const event of events) {
    if (event.type === 'test:fail') {
      const { file, name, details } = event.data;
      // A suite whose tests failed says nothing that they do not.
      const { failureType } = details.error as Error & { failureType?: string };
      if (file && failureType !== 'subtestsFailed')
        failures.push(failureText(relative(process.cwd(), file), name, details.error));
    } else if (event.type === 'test:stderr' || event.type === 'test:stdout') {
      yield event.data.message;
    } else if (event.type === 'test:summary') {
      const { file, success, duration_ms: took } = event.data;
      const counts = event.data.counts as unknown as Readonly<Record<string, number>>;
      // Each file has a summary, and each run one of all its files.
      if (file === undefined) for (const name in totals) totals[name]! += counts[name] ?? 0;
      else {
        const { passed = 0, failed = 0 } = counts;
        const name = file.endsWith('.test.mjs') ? basename(file, '.test.mjs') : relative(process.cwd(), file);
        yield `${success ? 'ok    ' : 'FAILED'} ${name}: ${passed} passed${failed > 0 ? `, ${failed} failed` : ''} (${Math.round(took)} ms)\n`;
      }
    }
  }
  const { tests, passed, cancelled, skipped, todo } = totals;
  yield failures.map((text) => `\n${text}\n`).join('');
  yield `\nℹ tests ${tests}\nℹ pass ${passed}\nℹ fail ${failures.length}\nℹ cancelled ${cancelled}\nℹ skipped ${skipped}\nℹ todo ${todo}\nℹ duration_ms ${performance.now()}\n`;
}

function failureText(file: string, name: string, error: Error & { cause?: unknown }): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  return `FAILED ${file}: ${name}\n${(cause.stack ?? String(cause)).replace(/^/gm, '  ')}`;
}
