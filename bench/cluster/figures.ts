/** What a process takes, and how the results are printed. */
import { readFileSync } from 'node:fs';
import { tableLines } from '../../src/lib/table.ts';

/** Names the controller that conformance/on-testbed has started, and ends; who starts another one writes it there. */
export const controllerPidFile = (): string => {
  const file = process.env.HEADGATE_PID_FILE;
  if (!file) throw new Error('HEADGATE_PID_FILE is not set: run it by bench/cluster/run');
  return file;
};

export const controllerPid = (): number => Number(readFileSync(controllerPidFile(), 'utf8'));

export function residentMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

/** Linux counts processor time in hundredths of a second. */
const ticksPerSecond = 100;

/** User and system time of all its threads. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export const ms = (value: number): string => (value < 100 ? value.toFixed(1) : value.toFixed(0));

export function printTable(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  console.log(tableLines(headings, rows).join('\n'));
}

/** Process status 1 where a bar is missed. */
export function judge(bars: readonly (readonly [bar: string, isHeld: boolean])[]): void {
  console.log('');
  printTable(
    ['bar', 'is'],
    bars.map(([bar, isHeld]) => [bar, isHeld ? 'held' : 'MISSED']),
  );
  if (bars.some(([, isHeld]) => !isHeld)) process.exitCode = 1;
}
