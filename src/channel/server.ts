/**
 * The controller's end of the channel to proxies in other processes of this host: a Unix socket, one connection a proxy.
 * Carries messages; what they mean is the business of whoever takes the proxies.
 */
import { lstatSync, mkdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';
import { channelProtocol, type Hello } from '../contract/channel-messages.ts';
import type { FromProxy, ToProxy } from '../contract/messages.ts';
import { createLineReader, toLine } from './lines.ts';

/** A proxy that is connected. */
export interface ConnectedProxy {
  send(message: ToProxy): void;
}

/** What becomes of a proxy. `onGone` is called once; nothing comes after it. */
export interface ProxyListener {
  onMessage(message: FromProxy): void;
  onGone(): void;
}

export interface ChannelServerOptions {
  readonly path: string;
  /** Of the program. */
  readonly version: string;
  onProxy(proxy: ConnectedProxy): ProxyListener;
  /** A proxy was turned away or misbehaved; a text for the log. */
  onTrouble(message: string): void;
}

export interface ChannelServer {
  /** Ends all connections; the proxies go on serving what they have. */
  close(): Promise<void>;
}

/** A proxy that has let this much pile up is cut off: it comes back and gets the newest state instead of every step to it. */
const maxQueuedBytes = 64 * 1024 * 1024;

/** Resolves once it listens. Rejects with EADDRINUSE where another process answers on that path, or with the system's error. */
export async function startChannelServer(options: ChannelServerOptions): Promise<ChannelServer> {
  const { path } = options;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  await clearPath(path);
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serve(socket, options);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The configuration holds private keys: nobody but the user of this process may read it, from the first moment on.
    const mask = process.umask(0o177);
    server.listen(path, resolve);
    process.umask(mask);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Removes a socket that a killed process has left behind, but not one that is served. */
async function clearPath(path: string): Promise<void> {
  const isServed = await new Promise<boolean>((resolve) => {
    const probe = net.connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (isServed) throw Object.assign(new Error(`another controller serves ${path}`), { code: 'EADDRINUSE' });
  // Anything else at that path is somebody's, and makes listening fail.
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path);
}

function serve(socket: net.Socket, { version, onProxy, onTrouble }: ChannelServerOptions): void {
  let listener: ProxyListener | null = null;
  const refuse = (message: string): void => {
    onTrouble(message);
    socket.destroy();
  };
  const send = (message: ToProxy): void => {
    if (socket.destroyed) return;
    // Before it is written: a single message may be as large as it has to be.
    if (socket.writableLength > maxQueuedBytes) refuse('a proxy does not read what is sent to it, and is cut off');
    else socket.write(toLine(message));
  };
  const greet = (hello: Hello): void => {
    if (hello.type !== 'hello' || hello.protocol !== channelProtocol) {
      refuse(`a proxy of version ${hello.version} speaks another protocol than this controller (${version})`);
      return;
    }
    listener = onProxy({ send });
  };
  const read = createLineReader((message) => {
    if (listener === null) greet(message as Hello);
    else listener.onMessage(message as FromProxy);
  });
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    try {
      read(text);
    } catch (error) {
      refuse(`a proxy sends what is no message: ${String(error)}`);
    }
  });
  socket.on('error', () => {});
  socket.once('close', () => listener?.onGone());
  socket.write(toLine({ type: 'hello', protocol: channelProtocol, version } satisfies Hello));
}
