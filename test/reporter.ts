/** What `npm test` prints: a line for each process (a file, or a group of them), failures in full, the runner's totals at the end. */
import { basename, relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const failures: string[] = [];
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
      const { file, counts, success, duration_ms: took } = event.data;
      if (file) {
        const { passed = 0, failed = 0 } = counts as unknown as Record<string, number>;
        const name = file.endsWith('.test.mjs') ? basename(file, '.test.mjs') : relative(process.cwd(), file);
        yield `${success ? 'ok    ' : 'FAILED'} ${name}: ${passed} passed${failed > 0 ? `, ${failed} failed` : ''} (${Math.round(took)} ms)\n`;
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
