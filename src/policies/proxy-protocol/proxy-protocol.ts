/**
 * ProxyProtocolPolicy, a kind of our own: who a client is, said by load balancers before a Gateway and to Services behind it.
 * On a Gateway it says who is believed, on a Service which version it is told.
 */
import net from 'node:net';
import type { ProxyProtocolVersion } from '../../contract/gateway-config.ts';
import { definePolicy } from '../../contract/policy.ts';
import type { Resource } from '../../model/resources.ts';

interface ProxyProtocolPolicy extends Resource {
  readonly spec: {
    readonly targetRefs: readonly { readonly kind: string; readonly name: string }[];
    readonly accept?: { readonly trustedPeers: readonly string[] };
    readonly send?: { readonly version: ProxyProtocolVersion };
  };
}

const name = { type: 'string', minLength: 1, maxLength: 253 } as const;

export const proxyProtocol = definePolicy<ProxyProtocolPolicy>({
  kind: 'ProxyProtocolPolicy',
  own: {
    kind: 'ProxyProtocolPolicy',
    plural: 'proxyprotocolpolicies',
    description: 'Takes the PROXY header from trusted peers of a Gateway, or sends it to a Service.',
    hasStatus: true,
    schema: {
      type: 'object',
      required: ['targetRefs'],
      properties: {
        targetRefs: {
          type: 'array',
          minItems: 1,
          maxItems: 16,
          description: 'Gateways (with `accept`) and Services (with `send`) of the same namespace.',
          items: {
            type: 'object',
            required: ['group', 'kind', 'name'],
            properties: {
              group: {
                type: 'string',
                maxLength: 253,
                description: 'gateway.networking.k8s.io, or empty for Services.',
              },
              kind: { type: 'string', minLength: 1, maxLength: 63, description: 'Gateway or Service.' },
              name: { ...name, description: 'Name of the Gateway or Service.' },
              sectionName: {
                ...name,
                description: 'A listener of the Gateway, or a port of the Service; all by default.',
              },
            },
          },
        },
        accept: {
          type: 'object',
          required: ['trustedPeers'],
          description: 'Every connection must begin with a PROXY header, of version 1 or 2.',
          properties: {
            trustedPeers: {
              type: 'array',
              minItems: 1,
              maxItems: 64,
              items: { type: 'string', minLength: 1, maxLength: 64 },
              description: 'IP addresses or CIDR ranges of those who may connect and are believed.',
            },
          },
        },
        send: {
          type: 'object',
          required: ['version'],
          description: 'Every connection to the Service begins with a PROXY header.',
          properties: { version: { type: 'string', enum: ['V1', 'V2'], description: 'V1 is text, V2 is binary.' } },
        },
      },
    },
  },
  targets: [
    { group: 'gateway.networking.k8s.io', kind: 'Gateway', section: 'ListenerName' },
    { group: '', kind: 'Service', section: 'PortName' },
  ],
  supportedFeatures: [],
  summary: 'Takes the PROXY header from trusted peers of a Gateway, or sends it to a Service.',
  mergeStrategy: 'None',

  compile({ spec: { targetRefs, accept, send } }) {
    const isTarget = (kind: string) => targetRefs.some((ref) => ref.kind === kind);
    const range = accept?.trustedPeers.find((text) => !isRange(text));
    const problem =
      (range !== undefined && `accept.trustedPeers names ${range}, which is neither an IP address nor a CIDR range`) ||
      (isTarget('Gateway') && !accept && 'a Gateway is targeted: say in accept.trustedPeers who is believed') ||
      (isTarget('Service') && !send && 'a Service is targeted: say in send.version what it is told');
    if (problem) return { accepted: { reason: 'Invalid', message: problem }, resolvedRefs: null };
    return {
      ...(send && { backend: { proxyProtocol: send.version } }),
      ...(accept && { listener: { proxyProtocol: { trustedPeers: accept.trustedPeers } } }),
      accepted: null,
      resolvedRefs: null,
    };
  },
});

function isRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = address.includes('%') ? 0 : net.isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}
