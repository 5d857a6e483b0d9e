/** All policies. Where two act on the same thing, the later one in this list has the last word. */
import type { AnyPolicyDefinition } from '../contract/policy.ts';
import { backendTls } from './backend-tls/backend-tls.ts';
import { healthCheck } from './health-check/health-check.ts';
import { proxyProtocol } from './proxy-protocol/proxy-protocol.ts';

export const policyDefinitions: readonly AnyPolicyDefinition[] = [backendTls, proxyProtocol, healthCheck];
