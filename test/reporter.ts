/** What `npm test` prints: a line for each file, failures in full, the runner's totals at the end. */
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

interface Tally {
  passed: number;
  failed: number;
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, Tally>();
  const failures: string[] = [];
  for await (const event of events) {
    if (event.type === 'test:pass' || event.type === 'test:fail') {
      const { file, name, details } = event.data;
      if (details.type === 'suite' || !file) continue;
      const tally = files.get(file) ?? { passed: 0, failed: 0 };
      files.set(file, tally);
      if (event.type === 'test:pass') tally.passed++;
      else {
        tally.failed++;
        failures.push(failureText(relative(process.cwd(), file), name, event.data.details.error));
      }
    } else if (event.type === 'test:stderr' || event.type === 'test:stdout') {
      yield event.data.message;
    } else if (event.type === 'test:summary') {
      const { file, counts, duration_ms: took } = event.data;
      if (file) {
        const { passed = 0, failed = 0 } = files.get(file) ?? {};
        yield `${failed > 0 ? 'FAILED' : 'ok    '} ${relative(process.cwd(), file)}: ${passed} passed${failed > 0 ? `, ${failed} failed` : ''} (${Math.round(took)} ms)\n`;
        continue;
      }
      yield failures.map((text) => `\n${text}\n`).join('');
      const { tests, passed, failed, cancelled, skipped, todo } = counts as unknown as Record<string, number>;
      yield `\nℹ tests ${tests}\nℹ pass ${passed}\nℹ fail ${failed ?? failures.length}\nℹ cancelled ${cancelled}\nℹ skipped ${skipped}\nℹ todo ${todo}\nℹ duration_ms ${took}\n`;
    }
  }
}

function failureText(file: string, name: string, error: Error & { cause?: unknown }): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  return `FAILED ${file}: ${name}\n${(cause.stack ?? String(cause)).replace(/^/gm, '  ')}`;
}
