/** HealthCheckPolicy, a kind of our own: how the endpoints of a Service are asked whether they are well. Probes nothing itself. */
import type { HealthCheckConfig, HealthProbe } from '../../contract/gateway-config.ts';
import { definePolicy } from '../../contract/policy.ts';
import { parseDuration } from '../../model/duration.ts';
import type { Resource } from '../../model/resources.ts';
import { healthCheckSchema } from './schema.ts';

interface HealthCheckSpec {
  readonly type: HealthProbe['type'];
  readonly interval: string;
  readonly timeout: string;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  readonly http?: {
    readonly path?: string;
    readonly hostname?: string;
    readonly expectedStatuses?: readonly number[];
  };
  readonly grpc?: { readonly service?: string };
}

interface HealthCheckPolicy extends Resource {
  readonly spec: HealthCheckSpec;
}

const summary = 'Asks the endpoints of a Service whether they are well, and leaves out those that are not.';

export const healthCheck = definePolicy<HealthCheckPolicy>({
  kind: 'HealthCheckPolicy',
  own: {
    kind: 'HealthCheckPolicy',
    plural: 'healthcheckpolicies',
    description: summary,
    hasStatus: true,
    schema: healthCheckSchema,
  },
  targets: [{ group: '', kind: 'Service', section: 'PortName' }],
  supportedFeatures: [],
  summary,
  mergeStrategy: 'None',

  compile({ spec }) {
    const message = problemOf(spec);
    if (message !== null) return { accepted: { reason: 'Invalid', message }, resolvedRefs: null };
    return { backend: { healthCheck: configOf(spec) }, accepted: null, resolvedRefs: null };
  },
});

/** Less would be a load of its own, more would notice nothing. */
const bounds = {
  interval: { least: '100ms', most: '1h' },
  timeout: { least: '10ms', most: '1m' },
} as const;

function problemOf(spec: HealthCheckSpec): string | null {
  for (const field of ['interval', 'timeout'] as const) {
    const { least, most } = bounds[field];
    const ms = msOf(spec[field]);
    if (ms < msOf(least) || ms > msOf(most)) return `${field} is ${spec[field]}: it must be from ${least} to ${most}`;
  }
  if (spec.http && spec.type !== 'HTTP')
    return `http is for type HTTP, and the type is ${spec.type}: change one of them`;
  if (spec.grpc && spec.type !== 'GRPC')
    return `grpc is for type GRPC, and the type is ${spec.type}: change one of them`;
  return null;
}

function configOf(spec: HealthCheckSpec): HealthCheckConfig {
  return {
    probe: probeOf(spec),
    intervalMs: msOf(spec.interval),
    timeoutMs: msOf(spec.timeout),
    unhealthyThreshold: spec.unhealthyThreshold,
    healthyThreshold: spec.healthyThreshold,
  };
}

function probeOf({ type, http, grpc }: HealthCheckSpec): HealthProbe {
  switch (type) {
    case 'HTTP':
      return { type, path: '/', ...http };
    case 'GRPC':
      return { type, service: grpc?.service ?? '' };
    case 'TCP':
      return { type };
  }
}

/** The schema has seen to the grammar. */
function msOf(duration: string): number {
  return parseDuration(duration) ?? 0;
}
