/** `npm start [-- EXAMPLE [FLAGS…]]`: runs an example (the quickstart by default) with the backends it needs. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startBackends } from './backends.ts';

const [example = 'quickstart', ...flags] = process.argv.slice(2);
const folder = join(import.meta.dirname, example);
if (!existsSync(folder)) {
  console.error(`There is no example '${example}' in examples/.`);
  process.exit(1);
}

await startBackends(folder).catch((error: NodeJS.ErrnoException & { port?: number }) => {
  console.error(
    error.code === 'EADDRINUSE'
      ? `Port ${error.port} of the example's backend is in use. Is another example still running?`
      : error.message,
  );
  process.exit(1);
});

const headgate = spawn(join(import.meta.dirname, '../bin/headgate'), ['run', folder, ...flags], { stdio: 'inherit' });
process.on('SIGTERM', () => headgate.kill('SIGTERM'));
// A terminal sends Ctrl-C to all of its processes; a second one would cut what is in flight.
process.on('SIGINT', () => process.stdin.isTTY || headgate.kill('SIGINT'));
headgate.on('exit', (code) => process.exit(code ?? 1));
