/** Tells when something happens in a folder: by the system, or by looking again and again where the system has no more watches. */
import { readdirSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';

export interface FolderEvents {
  /** `name`: what it happened to; null: anything. */
  onChange(name: string | null): void;
  /** Nothing more will be told. */
  onEnd(): void;
}

/** Throws where there is no such folder, or the system cannot watch it. */
export type WatchFolder = (folder: string, events: FolderEvents) => FolderWatch;

export interface FolderWatch {
  close(): void;
}

/** Short enough for somebody who waits, long enough to cost nothing with a thousand files. */
export const pollMs = 500;

export const watchBySystem: WatchFolder = (folder, { onChange, onEnd }) => {
  const watcher = watch(folder, (_event, name) => onChange(name));
  watcher.on('error', onEnd);
  return watcher;
};

export const watchByLooking: WatchFolder = (folder, { onChange }) => {
  let before = lookOf(folder);
  const timer = setInterval(() => {
    const now = lookOf(folder);
    if (now === before) return;
    before = now;
    onChange(null);
  }, pollMs);
  return { close: () => clearInterval(timer) };
};

/** What differs whenever something in the folder was added, taken away, written or replaced. */
function lookOf(folder: string): string {
  try {
    return readdirSync(folder)
      .map((name) => {
        const stat = statSync(join(folder, name), { throwIfNoEntry: false });
        return `${name} ${stat?.mtimeMs} ${stat?.size} ${stat?.ino}`;
      })
      .join('\n');
  } catch {
    return '';
  }
}
