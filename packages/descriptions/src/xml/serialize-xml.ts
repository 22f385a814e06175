import { xmlText } from './decode-references.js'
import type { XmlElement, XmlNode } from './element.js'

/** Writes a document. An element that holds no text is laid out, one child a line; others are written as they are. */
export function serializeXml(root: XmlElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${serialized(root, '')}\n`
}

function serialized(node: XmlNode, indent: string): string {
  switch (node.kind) {
    case 'text':
      return escapedText(node.text)
    case 'comment':
      // `--` would end it early; a comment says nothing that a machine reads.
      return `<!--${xmlText(node.text).replaceAll('--', '- -').replace(/-$/, '- ')}-->`
    case 'element':
      return serializedElement(node, indent)
  }
}

function serializedElement(node: XmlElement, indent: string): string {
  const attributes = node.attributes.map(({ name, value }) => ` ${name}="${escapedAttribute(value)}"`).join('')
  const open = `<${node.name}${attributes}`
  if (node.children.length === 0) return `${open}/>`
  if (node.children.some(({ kind }) => kind === 'text')) {
    return `${open}>${node.children.map((child) => serialized(child, indent)).join('')}</${node.name}>`
  }
  const inner = `${indent}  `
  const lines = node.children.map((child) => `\n${inner}${serialized(child, inner)}`)
  return `${open}>${lines.join('')}\n${indent}</${node.name}>`
}

// A bare carriage return would be read back as a line feed.
function escapedText(text: string): string {
  return xmlText(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\r', '&#13;')
}

// Bare white space other than spaces would be read back as spaces.
function escapedAttribute(value: string): string {
  return escapedText(value).replaceAll('"', '&quot;').replaceAll('\n', '&#10;').replaceAll('\t', '&#9;')
}
