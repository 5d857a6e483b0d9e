/** A server of the HTTP/2 codec alone, for h2spec: answers every request with a few bytes. `node scratch-server.ts [key.pem cert.pem]` prints its port. */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { DeadlineWheel } from '../../src/lib/deadline-wheel.ts';
import { FieldList } from '../../src/proxy/http/fields.ts';
import { Http2ServerConnection } from '../../src/proxy/http/http2-server.ts';
import { adoptSocket, readSocket } from '../../src/proxy/http/socket-io.ts';
import type {
  ConnectionInfo,
  Downstream,
  RequestHead,
  RequestSink,
  ServerHooks,
} from '../../src/proxy/http/streams.ts';
import { defaultLimits } from '../../src/proxy/limits.ts';

const body = Buffer.from('hello from the codec\n');
const wheel = new DeadlineWheel();
wheel.start();

class Answer implements RequestSink {
  readonly #downstream: Downstream;

  constructor(downstream: Downstream, head: RequestHead) {
    this.#downstream = downstream;
    if (head.bodyLength === 0) this.onRequestEnd();
  }

  onRequestData(): void {}

  onRequestEnd(): void {
    this.#downstream.sendHead(200, new FieldList(), body.length, body.length);
    this.#downstream.sendData(body, 0, body.length);
    this.#downstream.sendEnd(null);
  }

  onDownstreamDrain(): void {}

  onDownstreamClose(): void {}
}

const hooks: ServerHooks = {
  onRequest: (head, downstream) => new Answer(downstream, head),
  onRejected() {},
};

function infoOf(socket: net.Socket, isTls: boolean): ConnectionInfo {
  const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = socket;
  return { remoteAddress, remotePort, localAddress, localPort, isTls, serverName: '', port: null };
}

const [keyFile, certificateFile] = process.argv.slice(2);
let server: net.Server;
if (keyFile !== undefined && certificateFile !== undefined) {
  const options = {
    key: readFileSync(keyFile),
    cert: readFileSync(certificateFile),
    ALPNProtocols: ['h2'],
    allowHalfOpen: true,
  };
  server = tls.createServer(options, (socket) => {
    const connection = infoOf(socket, true);
    readSocket(socket, new Http2ServerConnection({ socket, connection, hooks, wheel, limits: defaultLimits }));
  });
} else {
  server = net.createServer({ pauseOnConnect: true }, (accepted) => {
    const connection = infoOf(accepted, false);
    const socket = adoptSocket(accepted, { receive: (buffer, start, end) => codec.receive(buffer, start, end) });
    const codec: Http2ServerConnection = new Http2ServerConnection({
      socket,
      connection,
      hooks,
      wheel,
      limits: defaultLimits,
    });
  });
}
server.listen(0, '127.0.0.1', () => console.log((server.address() as net.AddressInfo).port));
