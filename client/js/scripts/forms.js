// Makes `types/forms.d.ts` from the description of the control API.
//
//     node scripts/forms.js            fails when the file is stale
//     node scripts/forms.js --write    makes it again

import { readFile, writeFile } from 'node:fs/promises';

const description = new URL('../../../docs/openapi.json', import.meta.url);
const forms = new URL('../types/forms.d.ts', import.meta.url);

/** What of a schema is understood. Anything else is an error, rather than a wrong type. */
const KNOWN = new Set([
  '$ref', 'additionalProperties', 'allOf', 'description', 'enum', 'example', 'format', 'items',
  'minimum', 'oneOf', 'properties', 'required', 'type',
]);

function documentation(text, indent) {
  if (!text) return '';
  const lines = text.trim().replaceAll('*/', '*\\/').split('\n');
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  const body = lines.map((line) => `${indent} * ${line}`.trimEnd()).join('\n');
  return `${indent}/**\n${body}\n${indent} */\n`;
}

function key(name) {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

function fields(schema, indent) {
  const required = new Set(schema.required);
  const inner = `${indent}  `;
  const lines = Object.entries(schema.properties).map(([name, field]) => {
    const optional = required.has(name) ? '' : '?';
    const says = field.description ?? field.oneOf?.find((one) => one.description)?.description;
    return `${documentation(says, inner)}${inner}${key(name)}${optional}: ${type(field, inner)};\n`;
  });
  return `{\n${lines.join('')}${indent}}`;
}

function type(schema, indent) {
  for (const word of Object.keys(schema)) {
    if (!KNOWN.has(word)) throw new Error(`\`${word}\` of a schema is not understood`);
  }
  const all = (parts, sign) => [...new Set(parts.map((part) => type(part, indent)))].join(sign);
  if (schema.$ref) return schema.$ref.replace('#/components/schemas/', '');
  if (schema.oneOf) return all(schema.oneOf, ' | ');
  if (schema.allOf) return all(schema.allOf, ' & ');
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (Array.isArray(schema.type)) {
    return schema.type.map((one) => type({ ...schema, type: one }, indent)).join(' | ');
  }
  switch (schema.type) {
    case 'null': return 'null';
    case 'string': return 'string';
    case 'boolean': return 'boolean';
    case 'integer':
    case 'number': return 'number';
    case 'array': return `Array<${type(schema.items, indent)}>`;
    case 'object': {
      if (schema.properties) return fields(schema, indent);
      const values = schema.additionalProperties;
      return `Record<string, ${values && values !== true ? type(values, indent) : 'unknown'}>`;
    }
    default: throw new Error(`the type ${JSON.stringify(schema.type)} is not understood`);
  }
}

function form(name, schema) {
  const head = documentation(schema.description, '');
  if (schema.type === 'object' && schema.properties) {
    return `${head}export interface ${name} ${type(schema, '')}\n`;
  }
  return `${head}export type ${name} = ${type(schema, '')};\n`;
}

const { components } = JSON.parse(await readFile(description, 'utf8'));
const made = [
  '// Made by `npm run forms` from docs/openapi.json. Do not change it by hand.\n',
  ...Object.entries(components.schemas).map(([name, schema]) => form(name, schema)),
].join('\n');

if (process.argv.includes('--write')) {
  await writeFile(forms, made);
} else if (made !== await readFile(forms, 'utf8').catch(() => '')) {
  console.error('types/forms.d.ts is not what docs/openapi.json says: run `npm run forms`');
  process.exitCode = 1;
}
