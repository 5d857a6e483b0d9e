/**
 * One connection to a Gateway on which the same question is asked again and again, for as little processor time as can be: who
 * asks a thousand times a second with node:http takes more of a small machine than what is measured. Knows HTTP/1.1 answers
 * that have a length, and nothing else.
 */
import net from 'node:net';

export interface Poller {
  /** The status; 0 and an error where there was no answer. One question at a time. Never rejects. */
  ask(host: string): Promise<PollAnswer>;
  close(): void;
}

export interface PollAnswer {
  readonly status: number;
  readonly error?: string;
}

const answerMs = 10_000;

/** Connects when it is asked first, and anew after a connection has ended. */
export function createPoller(url: URL): Poller {
  let socket: net.Socket | null = null;
  let text = '';
  let answer: (answer: PollAnswer) => void = () => {};
  const fail = (error: string): void => answer({ status: 0, error });

  const connect = (): net.Socket => {
    const made = net
      .connect(Number(url.port || 80), url.hostname)
      .setNoDelay()
      .setEncoding('latin1');
    made.setTimeout(answerMs, () => made.destroy(new Error('no answer in time')));
    made.on('error', ({ message }) => fail(message));
    made.on('close', () => {
      socket = null;
      fail('the connection has ended');
    });
    return made.on('data', (piece: string) => {
      text += piece;
      if (isWhole(text)) answer({ status: Number(text.slice(9, 12)) });
    });
  };

  return {
    ask(host) {
      text = '';
      socket ??= connect();
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      return new Promise((resolve) => (answer = resolve));
    },
    close: () => void socket?.destroy(),
  };
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))?.[1];
  return text.length >= end + 4 + Number(length ?? 0);
}
