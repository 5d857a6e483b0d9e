/** What plain HTTP is told on a port for TLS: the commonest mistake gets an answer in its own words. */
import type net from 'node:net';

const body = 'This port speaks TLS: ask it with https://\n';
const answer =
  'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n' +
  `Content-Length: ${body.length}\r\n\r\n${body}`;

/** Whether the first bytes of a connection are the beginning of a request. */
export function looksLikeHttp1(bytes: Buffer): boolean {
  return /^[A-Z]{1,20}(?: |$)/.test(bytes.toString('latin1', 0, 21));
}

/** Answers 400 and closes the socket. */
export function answerHttp1(socket: net.Socket): void {
  socket.on('error', () => {});
  socket.end(answer, () => socket.destroy());
}
