/**
 * `load.ts HOST FILE`: clients that keep asking a Gateway until the file is there; then says how many answers they had and what
 * went wrong, and ends with 1 if anything was lost.
 */
import { existsSync } from 'node:fs';
import http from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { call, get, openSession } from './calls.ts';

const [host = '', stopFile = ''] = process.argv.slice(2);

interface Client {
  readonly name: string;
  /** Rejects if there was no answer, or another one than 200. */
  ask(): Promise<unknown>;
}

const counts = new Map<string, number>();
const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
const isOver = (): boolean => existsSync(stopFile);

/** A connection for each request. */
const fresh = (): Client => ({ name: 'new connections', ask: () => get(host, { agent: false }) });

/** One connection for all requests, as long as it lasts. */
function kept(): Client {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return { name: 'kept connections', ask: () => get(host, { agent }) };
}

/** A gRPC client: opens its next session as soon as this one is told to go away. */
function grpc(): Client {
  let session: ClientHttp2Session | null = null;
  const connect = (): ClientHttp2Session => {
    const own = openSession(host);
    const leave = (): void => {
      if (session === own) session = null;
      own.close();
    };
    return own.once('goaway', leave).once('close', leave);
  };
  return { name: 'gRPC', ask: () => call((session ??= connect()), 'hello') };
}

/**
 * What broke before an answer began, or was refused unprocessed, is asked again, once: RFC 9110 §9.2.2 and RFC 9113 §8.7 let
 * clients do so, and browsers, proxies and gRPC clients do. It counts all the same.
 */
async function run({ name, ask }: Client): Promise<void> {
  while (!isOver()) {
    try {
      await ask();
      count(`${name}: answers`);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const isBroken = code === 'ECONNRESET' || code === 'EPIPE' || /socket hang up|REFUSED_STREAM/.test(message);
      const isAnswered =
        isBroken &&
        (await ask().then(
          () => true,
          () => false,
        ));
      count(`${name}: ${isAnswered ? 'asked again' : `LOST (${message})`}`);
    }
    // As fast as they can they would only take the processor from those they ask.
    await delay(5);
  }
}

const clients = [...Array.from({ length: 4 }, fresh), ...Array.from({ length: 4 }, kept), grpc(), grpc()];
await Promise.all(clients.map(run));
for (const [what, times] of [...counts].toSorted(([a], [b]) => a.localeCompare(b))) console.log(`${what}: ${times}`);
process.exit([...counts.keys()].some((what) => what.includes('LOST')) ? 1 : 0);
