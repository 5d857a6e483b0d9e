/** The backend of the measurements: a thread that answers every request on the echo port with the same bytes. */
import { once } from 'node:events';
import net from 'node:net';
import { isMainThread, Worker } from 'node:worker_threads';
import { echoPort } from './objects.ts';

const answer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n');

/** Resolves once it listens, on all addresses. */
export async function startEcho(): Promise<Worker> {
  const worker = new Worker(new URL(import.meta.url));
  await once(worker, 'online');
  await untilOpen();
  return worker;
}

/** Until a connection is taken. */
async function untilOpen(): Promise<void> {
  const socket = net.connect(echoPort, '127.0.0.1');
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  if (!isOpen) await untilOpen();
}

function serve(): void {
  net
    .createServer((socket) => {
      socket.setNoDelay();
      // The proxy writes a head without a body in one piece.
      socket.on('data', (data) => {
        if (data.includes('\r\n\r\n')) socket.write(answer);
      });
      socket.on('error', () => socket.destroy());
    })
    .listen(echoPort);
}

if (!isMainThread) serve();
