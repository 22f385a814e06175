import type { Note } from '../described-machine.js'
import { printable } from '../printable.js'
import { childElements, localName, textOf, type XmlAttribute, type XmlElement } from './element.js'

/** Remembers what of a tree was read, so that what was not can be told. */
export interface TreeReader {
  /** The first child of a local name, now read. */
  readonly child: (parent: XmlElement | undefined, name: string) => XmlElement | undefined
  /** All children of a local name, now read. */
  readonly children: (parent: XmlElement | undefined, name: string) => readonly XmlElement[]
  /** An attribute's value by local name, now read. */
  readonly attribute: (node: XmlElement | undefined, name: string) => string | undefined
  /** The text of the first child of a local name, now read; `undefined` when there is none or it is empty. */
  readonly text: (parent: XmlElement | undefined, name: string) => string | undefined
  /** Marks an element as read, though not what is in it. */
  readonly take: (node: XmlElement) => void
  /** Marks an element and all that is in it as read: a note of its own tells it, or it says nothing. */
  readonly skip: (node: XmlElement) => void
  /** Notes for everything not read below an element, one note a parent. */
  readonly unread: (root: XmlElement, why: string) => readonly Note[]
}

/** Makes a reader for one tree; elements of `silent` local names are for people, and say nothing to a machine. */
export function treeReader(silent: ReadonlySet<string> = new Set()): TreeReader {
  const read = new Set<XmlElement | XmlAttribute>()
  const skipped = new Set<XmlElement>()
  const children = (parent: XmlElement | undefined, name: string) => {
    const found = parent === undefined ? [] : childElements(parent, name)
    for (const node of found) read.add(node)
    return found
  }
  const child = (parent: XmlElement | undefined, name: string) => {
    const found = parent === undefined ? undefined : childElements(parent, name)[0]
    if (found !== undefined) read.add(found)
    return found
  }
  return {
    child,
    children,
    attribute: (node, name) => {
      const found = node?.attributes.find((attribute) => localName(attribute.name) === name)
      if (found !== undefined) read.add(found)
      return found?.value
    },
    text: (parent, name) => {
      const found = child(parent, name)
      const text = found === undefined ? '' : textOf(found)
      return text === '' ? undefined : text
    },
    take: (node) => {
      read.add(node)
    },
    skip: (node) => {
      read.add(node)
      skipped.add(node)
    },
    unread: (root, why) => unreadBelow(root, root.name, { read, skipped, silent, why }),
  }
}

interface Seen {
  readonly read: ReadonlySet<XmlElement | XmlAttribute>
  readonly skipped: ReadonlySet<XmlElement>
  readonly silent: ReadonlySet<string>
  readonly why: string
}

const shownParts = 40

function unreadBelow(node: XmlElement, path: string, seen: Seen): readonly Note[] {
  if (seen.skipped.has(node)) return []
  const attributes = node.attributes.filter((attribute) => !isNamespace(attribute.name) && !seen.read.has(attribute))
  const parts = [
    ...attributes.map(({ name, value }) => ({ name: `@${name}`, said: `@${name}="${value}"` })),
    ...childElements(node)
      .filter((child) => !seen.read.has(child) && !seen.silent.has(localName(child.name)))
      .map((child) => ({ name: child.name, said: `${child.name}${atLine(child)}` })),
  ]
  const names = [...new Set(parts.map(({ name }) => name))]
  const own =
    parts.length === 0
      ? []
      : [
          {
            what: listed(names),
            where: `${path}${atLine(node)}: ${listed(parts.map(({ said }) => said))}`,
            why: seen.why,
          },
        ]
  const below = childElements(node).flatMap((child) =>
    seen.read.has(child) ? unreadBelow(child, `${path}/${child.name}`, seen) : [],
  )
  return [...own, ...below]
}

function isNamespace(name: string): boolean {
  return name === 'xmlns' || name.startsWith('xmlns:') || name === 'xsi:schemaLocation' || name === 'xml:lang'
}

function atLine(node: XmlElement): string {
  return node.line === undefined ? '' : ` (line ${node.line})`
}

function listed(names: readonly string[]): string {
  const rest = names.length - shownParts
  return names.slice(0, shownParts).map(printable).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}
