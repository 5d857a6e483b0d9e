/** Cuts the stream of a watch into events. Knows the wire format, and nothing of what events mean. */

/** What is looked at of any object; the rest is there, too. */
export interface ServerObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ServerMetadata;
}

export interface ServerMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: ServerObject }
  /** The object is a `Status`. */
  | { readonly type: 'ERROR'; readonly object: unknown };

/** What came before the problem is good. */
export interface Decoded {
  readonly events: readonly WatchEvent[];
  /** The rest of the stream means nothing. */
  readonly problem?: string;
}

/** More than any object that etcd takes, so that a stream without an end of line does not fill the memory. */
const maxLineBytes = 32 * 1024 * 1024;

const lineFeed = 0x0a;

/** Returns a function that takes the stream's chunks, and gives the events that each completes. */
export function createEventDecoder(): (chunk: Uint8Array) => Decoded {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  return (chunk) => {
    const events: WatchEvent[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(lineFeed, start);
      if (end < 0) break;
      const line = Buffer.concat([...waiting, chunk.subarray(start, end)]).toString();
      waiting = [];
      waitingBytes = 0;
      start = end + 1;
      if (line.trim() === '') continue;
      const event = readEvent(line);
      if (!event) return { events, problem: `no event: ${line.slice(0, 100)}` };
      events.push(event);
    }
    if (start < chunk.length) {
      waiting.push(chunk.subarray(start));
      waitingBytes += chunk.length - start;
    }
    return waitingBytes > maxLineBytes ? { events, problem: 'an event has no end' } : { events };
  };
}

const types = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

function readEvent(line: string): WatchEvent | undefined {
  try {
    const event = JSON.parse(line) as WatchEvent | null;
    if (!event || !types.has(event.type) || typeof event.object !== 'object' || event.object === null) return undefined;
    return event.type === 'ERROR' || isObject(event.object) ? event : undefined;
  } catch {
    return undefined;
  }
}

function isObject(object: ServerObject): boolean {
  return typeof object.metadata === 'object' && object.metadata !== null;
}
