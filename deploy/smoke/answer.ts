/** The backend of the smoke test: says who it is over HTTP, gRPC, TCP and UDP. Runs by itself in a pod: Node's modules only. */
import dgram from 'node:dgram';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';

const name = process.env.POD_NAME ?? 'answer';

const web = http.createServer((request, response) => {
  request.resume();
  request.on('end', () => response.end(`${name} ${request.method} ${request.url}\n`));
});
// Longer than any gateway keeps idle connections, so that it is the gateway who closes them.
web.keepAliveTimeout = 120_000;
web.listen(8080);

// A call is answered with the very message that it brought.
const calls = http2.createServer();
calls.on('stream', (stream: http2.ServerHttp2Stream) => {
  const parts: Buffer[] = [];
  stream.on('error', () => {});
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.on('end', () => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat(parts));
  });
});
calls.listen(8081);

net
  .createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  })
  .listen(7000);

const datagrams = dgram.createSocket('udp4');
datagrams.on('message', (message, { address, port }) => datagrams.send(message, port, address));
datagrams.bind(7001);

process.on('SIGTERM', () => process.exit(0));
