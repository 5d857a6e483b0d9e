/** Makes certificates for tests with openssl. Not for anything else. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CertificateConfig } from '../../contract/gateway-config.ts';

/** A new self-signed P-256 certificate for these DNS names. `title` becomes its common name, to tell it by. */
export function testCertificate(title: string, names: readonly string[]): CertificateConfig {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-certificate-'));
  try {
    const key = join(folder, 'key.pem');
    const certificate = join(folder, 'certificate.pem');
    const subjectAltName = `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`;
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '30',
    ];
    const options = ['-keyout', key, '-out', certificate, '-subj', `/CN=${title}`, '-addext', subjectAltName];
    execFileSync('openssl', [...request, ...options], { stdio: 'pipe' });
    return {
      origin: { kind: 'Secret', namespace: 'test', name: title },
      certificate: readFileSync(certificate, 'utf8'),
      key: readFileSync(key, 'utf8'),
      names,
      notAfterMs: Date.now() + 30 * 86_400_000,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
