import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { ownerOfPort } from './port-owner.ts';

test('names the process that holds a port, and nobody for a free one', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const owner = ownerOfPort(port);
  server.close();
  await once(server, 'close');
  // Only Linux has a proc file system to ask.
  if (process.platform === 'linux') assert.match(String(owner), new RegExp(`\\(pid ${process.pid}\\)$`));
  assert.equal(ownerOfPort(port), null);
});

test('without a proc file system nobody is named', () => {
  assert.equal(ownerOfPort(80, '/nonexistent'), null);
});
