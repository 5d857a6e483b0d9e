/**
 * A file that is there while this process is ready: for probes that must not ask another replica of the host in its place.
 * Knows nothing of what being ready means.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { UserError } from './user-error.ts';

export interface ReadyFile {
  set(): void;
  /** For good: whoever is about to end does not become ready any more. */
  clear(): void;
}

/** Takes away what a process before this one left; without a path there is no file. */
export function readyFileAt(path: string | undefined): ReadyFile {
  if (path === undefined) return { set: () => {}, clear: () => {} };
  let isOver = false;
  const change = (how: () => void): void => {
    try {
      how();
    } catch (error) {
      const { message } = error as Error;
      throw new UserError(`the file that says that this process is ready: ${message}; choose another (--ready-file)`);
    }
  };
  // Written at once, so that a folder that is not there is told at the start.
  change(() => writeFileSync(path, ''));
  change(() => rmSync(path));
  return {
    set: () => (isOver ? undefined : change(() => writeFileSync(path, 'ready\n'))),
    clear: () => {
      isOver = true;
      change(() => rmSync(path, { force: true }));
    },
  };
}
