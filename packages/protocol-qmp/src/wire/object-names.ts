import { listOf, recordOf, textOf } from './fields.js'

/** Reads the answer to `qom-list` of a folder of objects; every one has a property `type` of its own, which is left out. */
export function readObjectNames(value: unknown): readonly string[] {
  return listOf(value, 'The list of objects', (member, where) => {
    const property = recordOf(member, where)
    const type = textOf(property['type'], 'The type of an object')
    return type.startsWith('child<') ? textOf(property['name'], 'The name of an object') : undefined
  }).filter((name) => name !== undefined)
}
