/** Requests to a Gateway: one at a time on a connection of its own, or many at a steady rate, each answer looked at. */
import http from 'node:http';

export interface Answer {
  /** 0: there was none. */
  readonly status: number;
  readonly version: string | undefined;
  readonly error?: string;
}

const answerMs = 10_000;

/** Never rejects. A request is sent once, never again. */
export function ask(url: URL, host: string, agent: http.Agent): Promise<Answer> {
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ status: 0, version: undefined, error: error.message });
    const request = http.get(
      { host: url.hostname, port: url.port || 80, path: '/', headers: { host }, agent, timeout: answerMs },
      (response) => {
        response.on('error', fail).on('end', () => {
          const version = response.headers['x-version'] as string | undefined;
          resolve({ status: response.statusCode!, version });
        });
        response.resume();
      },
    );
    request.on('error', fail).on('timeout', () => request.destroy(new Error('no answer in time')));
  });
}

export const newAgent = (connections: number): http.Agent =>
  new http.Agent({ keepAlive: true, maxSockets: connections });

export interface LoadResult {
  readonly sent: number;
  /** Answers that were no 200, and requests without an answer, by what was wrong. */
  readonly wrong: ReadonlyMap<string, number>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Load {
  /** Stops sending and waits for what is under way. */
  stop(): Promise<LoadResult>;
}

const tickMs = 10;

export interface LoadOptions {
  readonly url: URL;
  /** In turn. */
  readonly hosts: readonly string[];
  readonly perSecond: number;
  /** Told of each wrong answer, milliseconds after the start. */
  readonly onWrong?: (atMs: number, what: string) => void;
}

/** Sends on time whether or not answers come, on connections that are kept. */
export function startLoad({ url, hosts, perSecond, onWrong }: LoadOptions): Load {
  const agent = newAgent(64);
  const started = performance.now();
  const wrong = new Map<string, number>();
  const times: number[] = [];
  const underWay = new Set<Promise<void>>();
  let sent = 0;
  const send = async (): Promise<void> => {
    const at = performance.now();
    const { status, error } = await ask(url, hosts[sent++ % hosts.length]!, agent);
    times.push(performance.now() - at);
    if (status === 200) return;
    const what = error ?? `status ${status}`;
    wrong.set(what, (wrong.get(what) ?? 0) + 1);
    onWrong?.(performance.now() - started, what);
  };
  const timer = setInterval(() => {
    const due = Math.ceil(((performance.now() - started) / 1000) * perSecond) - sent;
    for (let i = 0; i < due; i++) {
      const one = send();
      underWay.add(one);
      void one.then(() => underWay.delete(one));
    }
  }, tickMs);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      agent.destroy();
      return { sent, wrong, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), maxMs: quantile(times, 1) };
    },
  };
}

/** Of any numbers; NaN of none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;
}

export function wrongText({ wrong }: LoadResult): string {
  return wrong.size === 0 ? '0' : [...wrong].map(([what, count]) => `${count} × ${what}`).join(', ');
}
