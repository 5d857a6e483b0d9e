/** How an endpoint is connected to for bytes: in the clear, or over TLS as its backend asks. */
import type { Endpoint } from '../../contract/endpoints.ts';
import type { BackendConfig, ClientCertificate } from '../../contract/gateway-config.ts';
import type { ConnectTarget } from '../http/socket-io.ts';

export function targetOf(
  backend: BackendConfig,
  { address, port }: Endpoint,
  clientCertificate: ClientCertificate | undefined,
): ConnectTarget {
  if (backend.protocol !== 'tcp-tls') return { host: address, port };
  // Without settings of its own the endpoint has to prove its own name.
  const settings = backend.tls ?? { serverName: address };
  // Which protocol the bytes are nobody knows here, so none is offered.
  return { host: address, port, tls: { ...settings, ...(clientCertificate && { clientCertificate }), protocols: [] } };
}
