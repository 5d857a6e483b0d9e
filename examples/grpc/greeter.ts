/** The backend: a gRPC service `demo.Greeter`. Its messages are JSON, so that the example needs no generated code. */
import * as grpc from '@grpc/grpc-js';
import { json } from './json.ts';

export interface BackendOptions {
  readonly name: string;
  readonly port: number;
  readonly address: string;
}

const method = (name: string, responseStream: boolean) => ({
  path: `/demo.Greeter/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: json.write,
  requestDeserialize: json.read,
  responseSerialize: json.write,
  responseDeserialize: json.read,
});

/** Resolves once it listens. */
export async function startBackend({ name, port, address }: BackendOptions) {
  const server = new grpc.Server();
  const hello: grpc.handleUnaryCall<unknown, unknown> = (call, reply) => {
    reply(null, { greeting: `hello, ${String(call.request)}`, from: name });
  };
  const wait: grpc.handleUnaryCall<unknown, unknown> = (call) => {
    call.on('cancelled', () => {});
  };
  const count: grpc.handleServerStreamingCall<unknown, unknown> = (call) => {
    for (let i = 1; i <= Number(call.request); i++) call.write(i);
    call.end();
  };
  server.addService(
    { Hello: method('Hello', false), Wait: method('Wait', false), Count: method('Count', true) },
    { Hello: hello, Wait: wait, Count: count },
  );
  await new Promise<void>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync(`${address}:${port}`, credentials, (error) => (error ? reject(error) : resolve()));
  });
  return {
    closeAllConnections: () => {},
    close: () => server.forceShutdown(),
  };
}
