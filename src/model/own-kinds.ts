/** What a kind of our own is: one value from which registry, validation and CustomResourceDefinition are made. */
import type { Schema } from './schema/schemas.ts';

export const ownGroup = 'headgate.dev';
export const ownVersion = 'v1alpha1';

/** A namespaced kind of `headgate.dev/v1alpha1`, declared beside the code that gives it a meaning. */
export interface OwnKind {
  readonly kind: string;
  /** As in URLs of the Kubernetes API. */
  readonly plural: string;
  /** For `kubectl explain`: what an object of it does, in a sentence. */
  readonly description: string;
  /** Of `spec`. Structure and limits only: rules in CEL are not asked. */
  readonly schema: Schema;
  /** Whether a status is written to it, as to policies. Absent: no. */
  readonly hasStatus?: boolean;
}

/** The schema of a whole object, but for what every object has. */
export function schemaOfOwnKind({ description, schema }: OwnKind): Schema {
  return { type: 'object', description, properties: { spec: schema }, required: ['spec'] };
}
