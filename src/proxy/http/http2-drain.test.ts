/** How an HTTP/2 connection ends without losing a request (RFC 9113 §6.8): on a drain, and after as many requests as it may have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameFlag, FrameType } from './frame.ts';
import { block, frame, get, RawClient, TestServer, until } from './http2-testing.ts';

const { headers, data, goaway, ping } = FrameType;
const END_BOTH = FrameFlag.endStream | FrameFlag.endHeaders;

test('draining: a warning, then the last stream, then the end of the connection', async () => {
  await using server = await new TestServer().listen();
  const client = await RawClient.connect(server.port);
  client.send(frame(headers, END_BOTH, 1, block(...get)));
  await until(() => server.requests.length === 1, 'the request');
  server.connections[0]!.startDrain();
  await until(() => client.find(ping, 0) !== undefined, 'the ping');
  assert.equal(client.find(goaway, 0)!.payload.readUInt32BE(0), 0x7fffffff);
  client.send(frame(headers, END_BOTH, 3, block(...get)), frame(ping, FrameFlag.ack, 0, client.find(ping, 0)!.payload));
  await until(() => client.frames.filter((one) => one.type === goaway).length === 2, 'the last stream');
  assert.equal(client.frames.findLast((one) => one.type === goaway)!.payload.readUInt32BE(0), 3);
  client.send(frame(headers, END_BOTH, 5, block(...get)));
  for (const request of server.requests) request.answer(200, 'done');
  await until(() => client.isClosed, 'the end');
  assert.equal(server.requests.length, 2);
  assert.ok(client.find(data, 1) !== undefined && client.find(data, 3) !== undefined);
});

test('closed at once, what was answered until then leaves first: whoever closes may end the process next', async () => {
  const server = await new TestServer().listen();
  const client = await RawClient.connect(server.port);
  client.send(frame(headers, END_BOTH, 1, block(...get)));
  await until(() => server.requests.length === 1, 'the request');
  server.requests[0]!.answer(200, 'done');
  server.connections[0]!.close();
  const gone = server[Symbol.asyncDispose]();
  await until(() => client.isClosed, 'the end');
  assert.equal(client.find(data, 1)?.payload.toString(), 'done');
  assert.equal(client.find(goaway, 0)!.payload.readUInt32BE(0), 1);
  await gone;
});

test('a connection that has had its requests ends, and none of them is lost', async () => {
  await using server = await new TestServer({ http2RequestsPerConnection: 2 }).listen();
  server.onRequest = (request) => request.answer(200, 'done');
  const client = await RawClient.connect(server.port);
  client.send(frame(headers, END_BOTH, 1, block(...get)));
  await until(() => client.find(data, 1) !== undefined, 'the first answer');
  assert.equal(client.find(goaway, 0), undefined);
  client.send(frame(headers, END_BOTH, 3, block(...get)));
  await until(() => client.find(ping, 0) !== undefined, 'the ping behind the warning');
  assert.equal(client.find(goaway, 0)!.payload.readUInt32BE(0), 0x7fffffff);
  // It was on its way when the warning came.
  client.send(frame(headers, END_BOTH, 5, block(...get)), frame(ping, FrameFlag.ack, 0, client.find(ping, 0)!.payload));
  await until(() => client.isClosed, 'the end');
  assert.equal(client.frames.findLast((one) => one.type === goaway)!.payload.readUInt32BE(0), 5);
  for (const id of [1, 3, 5]) assert.ok(client.find(data, id) !== undefined, `answer ${id}`);
});
