/** The process's entry: hands argv to the command line. Whatever nobody caught ends the process with a message and status 1. */
import { runCommandLine } from './cli/command-line.ts';

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    process.stderr.write(`headgate: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  });
}

await runCommandLine(process.argv.slice(2));
