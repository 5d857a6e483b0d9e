/** Builds the suite from its Go module and runs it, a line for each test that has ended. Knows neither cluster nor report. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Each has a Go module of its own beside this file. */
export const apis = ['1.7', '1.6'] as const;
export type Api = (typeof apis)[number];

export const gatewayProfiles = ['GATEWAY-HTTP', 'GATEWAY-GRPC', 'GATEWAY-TLS', 'GATEWAY-TCP', 'GATEWAY-UDP'] as const;

export interface TestResult {
  readonly name: string;
  readonly result: 'passed' | 'failed' | 'skipped' | 'unfinished';
}

/** The path of the test binary. Needs the Go that the module asks for: $GO, or `go`, which may fetch a newer one itself. */
export function buildSuite(api: Api, folder: string): string {
  const module = join(import.meta.dirname, `v${api}`);
  const binary = join(folder, `suite-${api}.test`);
  const wanted = /^go (\S+)$/m.exec(readFileSync(join(module, 'go.mod'), 'utf8'))![1]!;
  const go = process.env.GO ?? 'go';
  const toolchain = isGoAtLeast(go, wanted) ? 'local' : 'auto';
  const args = ['test', '-c', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', binary, '.'];
  const env = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: toolchain };
  const { status, error } = spawnSync(go, args, { cwd: module, env, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return binary;
  console.error(error?.message ?? `The suite of v${api} needs Go ${wanted}: name one by GO=/path/to/go.`);
  process.exit(1);
}

function isGoAtLeast(go: string, wanted: string): boolean {
  try {
    const have = execFileSync(go, ['env', 'GOVERSION'], { encoding: 'utf8' }).trim().replace(/^go/, '');
    return have.localeCompare(wanted, 'en', { numeric: true }) >= 0;
  } catch {
    return false;
  }
}

export interface RunSuiteOptions {
  readonly binary: string;
  readonly flags: readonly string[];
  /** Where all that the suite says is written. */
  readonly log: string;
}

export interface SuiteRun {
  readonly exitCode: number;
  readonly tests: readonly TestResult[];
  readonly seconds: number;
}

/** An interrupted run is summed up too: Ctrl-C reaches the suite by itself, SIGTERM is handed on. */
export async function runSuite({ binary, flags, log }: RunSuiteOptions): Promise<SuiteRun> {
  const started = performance.now();
  const results = new Map<string, TestResult['result']>();
  const file = createWriteStream(log);
  // In this mode a result is printed when its test ends, marked by a control character, and not at the end of the run.
  const child = spawn(binary, ['-test.v=test2json', '-test.timeout=120m', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const wait = () => {};
  const end = () => void child.kill('SIGTERM');
  process.on('SIGINT', wait).on('SIGTERM', end);
  child.stderr.pipe(file, { end: false });
  const ended = once(child, 'close') as Promise<[number | null]>;
  for await (const raw of createInterface({ input: child.stdout })) {
    const line = raw.replaceAll('\x16', '');
    file.write(`${line}\n`);
    take(line, results);
  }
  const [code] = await ended;
  process.off('SIGINT', wait).off('SIGTERM', end);
  file.end();
  await once(file, 'close');
  const tests = [...results].map(([name, result]) => ({ name, result }));
  return { exitCode: code ?? 1, tests, seconds: Math.round((performance.now() - started) / 1000) };
}

const words = { PASS: 'passed', FAIL: 'failed', SKIP: 'skipped' } as const;

/** Whole tests count (TestConformance/Name), not their parts. */
function take(line: string, results: Map<string, TestResult['result']>): void {
  const run = /^=== RUN +TestConformance\/([^/\s]+)$/.exec(line);
  if (run) results.set(run[1]!, 'unfinished');
  const [, word, name, duration] = /^ *--- (PASS|FAIL|SKIP): TestConformance\/([^/\s]+) \((.*)\)$/.exec(line) ?? [];
  if (!name) return;
  const result = words[word as keyof typeof words];
  results.set(name, result);
  if (result !== 'skipped') console.log(`${result} ${name} (${duration})`);
}
