import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCodes } from '@holdfast/core'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { root } from '../lib/workspace.mjs'

/** The rows of a page's tables, as the text of their cells. */
function rowsOf(page: string): readonly (readonly string[])[] {
  return readFileSync(join(root, page), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, ...cells]) => cells)
}

/** Each `type` of the object types in a source file, with the names of its other fields. */
function eventTypes(file: string): readonly (readonly [string, readonly string[]])[] {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true)
  const found: [string, string[]][] = []
  const visit = (node: ts.Node): void => {
    if (ts.isTypeLiteralNode(node) || ts.isInterfaceDeclaration(node)) {
      const members = node.members.filter(ts.isPropertySignature)
      const type = members.find((member) => member.name.getText() === 'type')?.type?.getText()
      const fields = members
        .map((member) => `${member.name.getText()}${member.questionToken === undefined ? '' : '?'}`)
        .filter((name) => name !== 'type')
      if (type?.startsWith("'")) found.push([type.slice(1, -1), fields])
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

test('the page of error codes has every code with its meaning, and no other', () => {
  const listed = rowsOf('docs/reference/errors.md').map(([code = '', , meaning]) => [code.slice(1, -1), meaning])
  expect(Object.fromEntries(listed)).toEqual(errorCodes)
})

test('the page of error codes has the exit codes of the program', () => {
  const source = readFileSync(join(root, 'packages/cli/src/exit-code.ts'), 'utf8')
  const wrongUse = [...source.matchAll(/^ {2}'(E_\w+)',$/gm)].map(([, code]) => code).sort()
  const listed = rowsOf('docs/reference/errors.md').filter(([, exit]) => exit === '2')
  expect(wrongUse.length).toBeGreaterThan(3)
  expect(listed.map(([code = '']) => code.slice(1, -1)).sort()).toEqual(wrongUse)
})

test('the page of events has every event with its fields, and no other', () => {
  const types = [
    ...eventTypes('packages/core/src/engine/events.ts'),
    ...eventTypes('packages/cli/src/render/json-events.ts'),
  ]
  const known = new Set(types.map(([type]) => type))
  const listed = rowsOf('docs/reference/events.md')
    .map(([type = '', fields = '']) => [type.slice(1, -1), [...fields.matchAll(/`([\w?]+)`/g)].map(([, name]) => name)])
    .filter(([type]) => !commands.has(String(type)))
  expect(known.size).toBeGreaterThan(15)
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(types))
})

/** The last table of the page goes by command. */
const commands = new Set([
  'run',
  'files get',
  'init',
  'restore',
  'serve',
  'verify',
  'prune',
  'convert',
  'copy',
  'image map',
  'repair',
  'key add`, `key rotate`, `key revoke',
  'tape label`, `tape erase`, `tape load`, `tape unload`, `tape move`, `tape vault`, `tape recall',
  'tape catalog',
  'hold',
  'conformance',
])
