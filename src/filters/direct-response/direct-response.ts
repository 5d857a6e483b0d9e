/** DirectResponse, a kind of our own: answers requests with a fixed response, and no backend hears of them. */
import { defineFilter } from '../../contract/filter.ts';
import { fieldValueOf, isFieldValue } from '../field-text.ts';

export interface DirectResponseSpec {
  readonly statusCode: number;
  readonly contentType?: string;
  readonly body?: string;
}

export interface DirectResponseConfig {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
}

export const directResponse = defineFilter<DirectResponseSpec, DirectResponseConfig>({
  type: 'DirectResponse',
  spec: {
    kind: 'DirectResponse',
    plural: 'directresponses',
    description: 'Answers the requests of a rule or a listener with a fixed response, without a backend.',
    schema: {
      type: 'object',
      required: ['statusCode'],
      properties: {
        statusCode: { type: 'integer', format: 'int32', minimum: 200, maximum: 599, description: 'The status code.' },
        contentType: { type: 'string', maxLength: 256, description: 'The Content-Type of the body; text by default.' },
        body: { type: 'string', maxLength: 65_536, description: 'The body; none by default.' },
      },
    },
  },
  supportedFeatures: [],
  summary: 'Answers with a fixed response.',

  compile({ statusCode, contentType, body }) {
    if (contentType !== undefined && !isFieldValue(contentType)) {
      return { problem: { reason: 'UnsupportedValue', message: 'spec.contentType holds a control character' } };
    }
    const headers = contentType === undefined ? [] : [['Content-Type', fieldValueOf(contentType)] as const];
    return { config: { status: statusCode, headers, ...(body !== undefined && { body }) } };
  },

  create: (config) => {
    const reply = { ...config, reason: 'DirectResponse' };
    return { onRequest: () => reply };
  },
});
