/** Makes the TLS contexts of certificates, each once while its certificate stays the same. Knows no listeners. */
import { constants } from 'node:crypto';
import tls from 'node:tls';
import type { CertificateConfig } from '../../contract/gateway-config.ts';

/** What is the same for every certificate (reliability: TLS 1.2 and up, forward secrecy, no renegotiation). */
const policy = {
  minVersion: 'TLSv1.2',
  ciphers: [
    // AES-128 first: its SHA-256 key schedule makes a handshake cheaper than SHA-384 does, at no loss that matters.
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  honorCipherOrder: true,
  // A client without AES in hardware lists ChaCha20 first, and gets it.
  secureOptions: constants.SSL_OP_PRIORITIZE_CHACHA | constants.SSL_OP_NO_RENEGOTIATION,
  // Clients are not verified, so no CA is needed; without this line each context would load all of the system's.
  ca: [],
} satisfies tls.SecureContextOptions;

/** The options of one certificate's context. Throws what OpenSSL says about an unusable one. */
export function contextOptions(certificate: CertificateConfig, ticketKeys: Buffer): tls.SecureContextOptions {
  return { ...policy, cert: certificate.certificate, key: certificate.key, ticketKeys };
}

/** A context and what it was made of. */
export interface NamedContext {
  readonly certificate: CertificateConfig;
  readonly context: tls.SecureContext;
}

export type ContextResult = { readonly named: NamedContext } | { readonly problem: string };

/** Contexts by the identity of their configuration: an unchanged certificate keeps its context over any other change. */
export class SecureContexts {
  readonly #byCertificate = new WeakMap<CertificateConfig, ContextResult>();
  readonly #ticketKeys: Buffer;

  /** `ticketKeys`: 48 random bytes, the same in all workers, so that a session resumes in any of them. */
  constructor(ticketKeys: Buffer) {
    this.#ticketKeys = ticketKeys;
  }

  get(certificate: CertificateConfig): ContextResult {
    let result = this.#byCertificate.get(certificate);
    if (result === undefined) {
      result = this.#create(certificate);
      this.#byCertificate.set(certificate, result);
    }
    return result;
  }

  #create(certificate: CertificateConfig): ContextResult {
    try {
      const context = tls.createSecureContext(contextOptions(certificate, this.#ticketKeys));
      return { named: { certificate, context } };
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  }
}
