/** The spec of a HealthCheckPolicy as a schema. What it means is not said here. */
import type { Schema } from '../../model/schema/schemas.ts';

const name = { type: 'string', minLength: 1, maxLength: 253 } as const;
/** GEP-2257. */
const duration = { type: 'string', pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' } as const;
const threshold = { type: 'integer', minimum: 1, maximum: 100 } as const;

export const healthCheckSchema: Schema = {
  type: 'object',
  required: ['targetRefs', 'type'],
  properties: {
    targetRefs: {
      type: 'array',
      minItems: 1,
      maxItems: 16,
      description: 'Services of the same namespace.',
      items: {
        type: 'object',
        required: ['group', 'kind', 'name'],
        properties: {
          group: { type: 'string', maxLength: 253, description: 'Empty: the group of Services.' },
          kind: { type: 'string', minLength: 1, maxLength: 63, description: 'Service.' },
          name: { ...name, description: 'Name of the Service.' },
          sectionName: { ...name, description: 'A port of the Service, by its name; all by default.' },
        },
      },
    },
    type: {
      type: 'string',
      enum: ['HTTP', 'GRPC', 'TCP'],
      description: 'What an endpoint is asked: a GET request, the gRPC health protocol, or only for a connection.',
    },
    interval: { ...duration, default: '10s', description: 'From one probe of an endpoint to the next.' },
    timeout: { ...duration, default: '1s', description: 'How long a probe may take.' },
    unhealthyThreshold: {
      ...threshold,
      default: 3,
      description: 'So many probes in a row that fail make an endpoint unhealthy.',
    },
    healthyThreshold: {
      ...threshold,
      default: 1,
      description: 'So many probes in a row that succeed make it healthy again.',
    },
    http: {
      type: 'object',
      description: 'Of type HTTP.',
      properties: {
        path: {
          type: 'string',
          maxLength: 1024,
          pattern: '^/[!-~]*$',
          description: 'What is asked for, with a query where there is one; / by default.',
        },
        hostname: {
          ...name,
          pattern: '^[A-Za-z0-9.-]+$',
          description: 'The Host of the request; the address of the endpoint by default.',
        },
        expectedStatuses: {
          type: 'array',
          minItems: 1,
          maxItems: 16,
          items: { type: 'integer', minimum: 200, maximum: 599 },
          description: 'Answers of a healthy endpoint; 200 to 399 by default.',
        },
      },
    },
    grpc: {
      type: 'object',
      description: 'Of type GRPC.',
      properties: {
        service: {
          type: 'string',
          maxLength: 253,
          pattern: '^[!-~]*$',
          description: 'Which service is asked about; the server as a whole by default.',
        },
      },
    },
  },
};
