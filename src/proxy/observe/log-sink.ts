/**
 * Writes lines to a file descriptor without ever blocking the thread or filling the memory: a reader that is slow or gone
 * costs lines, which are counted. The main thread's only way to write access logs.
 */
import fs from 'node:fs';

export interface LogSink {
  /** `done` is called when the text is written or given up. */
  write(text: string, lines: number, done: () => void): void;
  /** Lines nobody took. */
  readonly droppedLines: number;
  /** Resolves when everything is written, or after `limitMs`. */
  flush(limitMs: number): Promise<void>;
}

interface Entry {
  readonly bytes: Buffer;
  readonly lines: number;
  readonly done: () => void;
}

export interface LogSinkOptions {
  readonly fd: number;
  readonly maxWaitingBytes?: number;
}

export function createLogSink({ fd, maxWaitingBytes = 8 * 1024 * 1024 }: LogSinkOptions): LogSink {
  const queue: Entry[] = [];
  let waitingBytes = 0;
  let droppedLines = 0;
  let isWriting = false;
  let isGone = false;
  let onIdle: (() => void) | null = null;

  function next(): void {
    const entry = queue[0];
    if (entry === undefined) {
      isWriting = false;
      onIdle?.();
      return;
    }
    isWriting = true;
    writeAll(fd, entry.bytes, (error) => finish(entry, error));
  }

  function finish(entry: Entry, error: NodeJS.ErrnoException | null): void {
    if (error !== null) {
      // EPIPE, a full disk, a closed descriptor: this batch is lost. A reader that is gone does not come back.
      isGone = error.code === 'EPIPE' || error.code === 'EBADF';
      droppedLines += entry.lines;
    }
    queue.shift();
    waitingBytes -= entry.bytes.length;
    entry.done();
    next();
  }

  return {
    get droppedLines() {
      return droppedLines;
    },
    write(text, lines, done) {
      const entry = { bytes: Buffer.from(text, 'utf8'), lines, done };
      if (isGone || waitingBytes + entry.bytes.length > maxWaitingBytes) {
        droppedLines += lines;
        return done();
      }
      waitingBytes += entry.bytes.length;
      queue.push(entry);
      if (!isWriting) next();
    },
    flush(limitMs) {
      if (!isWriting) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, limitMs);
        onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
  };
}

/** A full pipe is looked at again after this long. */
const RETRY_MS = 10;

/** `done` is called once, with what kept it from being written whole. */
function writeAll(fd: number, bytes: Buffer, done: (error: NodeJS.ErrnoException | null) => void): void {
  const writeFrom = (start: number): void =>
    fs.write(fd, bytes, start, (error, count) => {
      if (error?.code === 'EAGAIN') setTimeout(() => writeFrom(start), RETRY_MS);
      else if (error !== null && error !== undefined) done(error);
      else if (start + count < bytes.length) writeFrom(start + count);
      else done(null);
    });
  writeFrom(0);
}
