/** Which certificates of backends are taken: by name, by alternative names, and not by names that only look like some. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { SubjectAltName } from '../../contract/gateway-config.ts';
import { checkIdentity } from './server-identity.ts';

const folder = mkdtempSync(join(tmpdir(), 'headgate-identity-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A certificate with that common name and the lines of an OpenSSL section of alternative names. */
function certificate(commonName: string, names: readonly string[]) {
  const config = ['[req]', 'distinguished_name=dn', 'x509_extensions=ext', '[dn]', '[ext]'];
  if (names.length > 0) config.push('subjectAltName=@names', '[names]', ...names);
  const file = join(folder, 'config');
  writeFileSync(file, config.join('\n'));
  const options = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    join(folder, 'key'),
  ];
  const pem = execFileSync('openssl', ['req', '-x509', ...options, '-subj', `/CN=${commonName}`, '-config', file], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new X509Certificate(pem).toLegacyObject();
}

function isTaken(found: Parameters<typeof checkIdentity>[1], ...subjectAltNames: readonly SubjectAltName[]): boolean {
  return checkIdentity({ serverName: 'sni.test', subjectAltNames }, found) === undefined;
}

const dns = (value: string): SubjectAltName => ({ type: 'Hostname', value });
const uri = (value: string): SubjectAltName => ({ type: 'URI', value });

test('without alternative names the server name has to be in the certificate', () => {
  const found = certificate('x', ['DNS.1=sni.test']);
  assert.equal(checkIdentity({ serverName: 'sni.test' }, found), undefined);
  assert.match(String(checkIdentity({ serverName: 'other.test' }, found)), /does not match/);
});

test('one alternative name has to fit; the server name does not count then', () => {
  const found = certificate('x', ['DNS.1=sni.test', 'DNS.2=*.wild.test', 'URI.1=spiffe://a/b']);
  assert.ok(isTaken(found, dns('nope.test'), dns('sni.test')));
  assert.ok(isTaken(found, dns('a.wild.test')));
  assert.ok(isTaken(found, uri('spiffe://a/b')));
  assert.ok(!isTaken(found, dns('nope.test')));
  assert.ok(!isTaken(found, dns('a.b.wild.test')), 'a wildcard is one label');
  assert.ok(!isTaken(found, uri('spiffe://a/')), 'no prefix');
  assert.ok(!isTaken(found, uri('sni.test')), 'no name of another type');
});

test('the common name is no alternative name', () => {
  assert.ok(!isTaken(certificate('sni.test', []), dns('sni.test')));
});

test('a name with a comma in it does not become two', () => {
  const found = certificate('x', ['URI.1=spiffe://a/b, URI:spiffe://evil/c', 'URI.2=spiffe://last/d']);
  assert.ok(!isTaken(found, uri('spiffe://evil/c')));
  assert.ok(isTaken(found, uri('spiffe://a/b, URI:spiffe://evil/c')));
  assert.ok(isTaken(found, uri('spiffe://last/d')), 'what comes after is still read');
});
