import { builtinModules } from 'node:module'
import { posix } from 'node:path'
import ts from 'typescript'

/**
 * @typedef {object} Import
 * @property {string} specifier
 * @property {number} line
 * @property {boolean} typeOnly Erased when the file is built.
 * @property {boolean} lazy Happens when the code is reached, not when the file is loaded.
 */

/** Lists what a file imports, re-exports and loads lazily. @param {string} path @param {string} text @returns {Import[]} */
export function importsOf(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, false)
  /** @type {Import[]} */
  const found = []
  /** @param {ts.Node} node @param {ts.Node | undefined} name @param {boolean} typeOnly @param {boolean} lazy */
  const add = (node, name, typeOnly, lazy) => {
    if (name === undefined || !ts.isStringLiteralLike(name)) return
    const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
    found.push({ specifier: name.text, line, typeOnly, lazy })
  }
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, erased(node.importClause), false)
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, erasedExport(node), false)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node, node.argument.literal, true, false)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false, true)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** @param {ts.ImportClause | undefined} clause */
function erased(clause) {
  if (clause === undefined) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const named = clause.namedBindings
  if (clause.name !== undefined || named === undefined || !ts.isNamedImports(named)) return false
  return named.elements.length > 0 && named.elements.every((element) => element.isTypeOnly)
}

/** @param {ts.ExportDeclaration} node */
function erasedExport(node) {
  if (node.isTypeOnly) return true
  const clause = node.exportClause
  if (clause === undefined || !ts.isNamedExports(clause)) return false
  return clause.elements.length > 0 && clause.elements.every((element) => element.isTypeOnly)
}

/** @param {string} specifier */
export function isRelative(specifier) {
  return specifier.startsWith('./') || specifier.startsWith('../') || specifier === '.' || specifier === '..'
}

/** @param {string} specifier */
export function isBuiltin(specifier) {
  return specifier.startsWith('node:') || builtinModules.includes(specifier)
}

/** Where a relative import points to, as a path below the root with its source extension. @param {string} from @param {string} specifier */
export function resolveRelative(from, specifier) {
  const target = posix.join(posix.dirname(from), specifier)
  return target.endsWith('.js') && !from.endsWith('.js') ? `${target.slice(0, -3)}.ts` : target
}
