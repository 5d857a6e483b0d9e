/** Sockets in the clear and with TLS: bytes arrive through the shared buffer, certificates are checked, refusals are told apart. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { DeadlineWheel } from '../../lib/deadline-wheel.ts';
import { defaultLimits } from '../limits.ts';
import { FieldList } from './fields.ts';
import { Http1Pool } from './http1-pool.ts';
import { listen, until } from './http1-testing.ts';
import { looksLikeHttp2 } from './preface.ts';
import type { ResponseSink, UpstreamError, UpstreamRequest } from './streams.ts';

const request: UpstreamRequest = {
  method: 'GET',
  target: '/',
  authority: 'a.test',
  scheme: 'https',
  headers: new FieldList(),
  bodyLength: 0,
  upgrade: '',
  expectsContinue: false,
  takesTrailers: false,
};

class Answer implements ResponseSink {
  status = 0;
  body = '';
  isWhole = false;
  error: UpstreamError | null = null;
  onInformational(): void {}
  onResponseHead(status: number): void {
    this.status = status;
  }
  onResponseData(buffer: Buffer, start: number, end: number): void {
    this.body += buffer.toString('latin1', start, end);
  }
  onResponseEnd(): void {
    this.isWhole = true;
  }
  onResponseBurstEnd(): void {}
  onUpstreamDrain(): void {}
  onUpstreamError(error: UpstreamError): void {
    this.error = error;
  }
}

describe('a backend with TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-'));
  const file = (name: string): string => join(folder, name);
  let server: tls.Server;
  let port: number;
  let certificate: string;
  const serverNames: string[] = [];
  before(async () => {
    const subject = ['-subj', '/CN=a.test', '-addext', 'subjectAltName=DNS:a.test'];
    const out = ['-keyout', file('key'), '-out', file('crt')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...out], {
      stdio: 'ignore',
    });
    certificate = readFileSync(file('crt'), 'latin1');
    server = tls.createServer(
      { key: readFileSync(file('key')), cert: certificate, ALPNProtocols: ['http/1.1'] },
      (socket) => {
        serverNames.push(String(socket.servername));
        socket.on('error', () => {});
        socket.on('data', () =>
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'a'.repeat(100_000)}`),
        );
      },
    );
    port = await listen(server);
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  const poolFor = (serverName: string, ca: string | undefined): Http1Pool =>
    new Http1Pool({
      host: '127.0.0.1',
      port,
      tls: { serverName, ca },
      limits: defaultLimits,
      wheel: new DeadlineWheel(),
    });

  it('is spoken to, twice on one connection', async () => {
    const pool = poolFor('a.test', certificate);
    for (let i = 0; i < 2; i++) {
      const answer = new Answer();
      pool.open(request, answer);
      await until('the answer', () => answer.isWhole || answer.error);
      assert.deepEqual([answer.error, answer.status, answer.body.length], [null, 200, 100_000]);
    }
    assert.deepEqual(serverNames, ['a.test']);
    pool.close();
  });

  it('must have a certificate that is trusted, and for the name', async () => {
    const wrong: readonly (readonly [string, string | undefined])[] = [
      ['a.test', undefined],
      ['b.test', certificate],
    ];
    for (const [serverName, ca] of wrong) {
      const answer = new Answer();
      poolFor(serverName, ca).open(request, answer);
      await until('the failure', () => answer.error);
      assert.equal(answer.error?.kind, 'Tls');
      assert.equal(answer.status, 0);
    }
  });
});

describe('looksLikeHttp2', () => {
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  it('decides on the first bytes', () => {
    assert.equal(looksLikeHttp2(Buffer.from(preface)), 'yes');
    assert.equal(looksLikeHttp2(Buffer.from(`${preface}more`)), 'yes');
    assert.equal(looksLikeHttp2(Buffer.from('GET / HTTP/1.1\r\n')), 'no');
    assert.equal(looksLikeHttp2(Buffer.from('PRI * HTTP/1.1\r\n')), 'no');
    for (let i = 0; i < preface.length; i++) assert.equal(looksLikeHttp2(Buffer.from(preface), 0, i), 'needMore');
  });
});
