/** An element of an XML document, as read or to be written. */
export interface XmlElement {
  readonly kind: 'element'
  /** Name as stated, with its prefix: `rasd:Parent`. */
  readonly name: string
  readonly attributes: readonly XmlAttribute[]
  readonly children: readonly XmlNode[]
  /** Line of the source; absent for what was made here. */
  readonly line?: number
}

/** An attribute, its value decoded. */
export interface XmlAttribute {
  readonly name: string
  readonly value: string
}

/** Text, decoded. */
export interface XmlText {
  readonly kind: 'text'
  readonly text: string
}

/** A comment, kept so that an edited document loses none. */
export interface XmlComment {
  readonly kind: 'comment'
  readonly text: string
}

/** What an element may hold. */
export type XmlNode = XmlElement | XmlText | XmlComment

/** Makes an element; attributes that are `undefined` are left out, children that are a string become text. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  children: readonly (XmlNode | undefined)[] | string = [],
): XmlElement {
  return {
    kind: 'element',
    name,
    attributes: Object.entries(attributes).flatMap(([key, value]) =>
      value === undefined ? [] : [{ name: key, value: String(value) }],
    ),
    children:
      typeof children === 'string'
        ? [{ kind: 'text', text: children }]
        : children.filter((child) => child !== undefined),
  }
}

/** The name without its prefix: documents choose their prefixes freely. */
export function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

/** Child elements of a local name, or all of them. */
export function childElements(parent: XmlElement, name?: string): readonly XmlElement[] {
  return parent.children.filter(
    (child): child is XmlElement => child.kind === 'element' && (name === undefined || localName(child.name) === name),
  )
}

/** The text of an element, without that of its children, trimmed. */
export function textOf(node: XmlElement): string {
  return node.children
    .map((child) => (child.kind === 'text' ? child.text : ''))
    .join('')
    .trim()
}

/** The element with attributes set, or removed where the value is `undefined`; the others keep their place. */
export function withAttributes(node: XmlElement, changes: Readonly<Record<string, string | undefined>>): XmlElement {
  const kept = node.attributes.flatMap((attribute) => {
    if (!Object.hasOwn(changes, attribute.name)) return [attribute]
    const value = changes[attribute.name]
    return value === undefined ? [] : [{ name: attribute.name, value }]
  })
  const added = Object.entries(changes).flatMap(([name, value]) =>
    value === undefined || kept.some((attribute) => attribute.name === name) ? [] : [{ name, value }],
  )
  return { ...node, attributes: [...kept, ...added] }
}

/**
 * The element with the first child of the same name replaced, further ones removed, or the child added at the end.
 *
 * `undefined` removes children of that name, with the white space before them.
 */
export function withChild(parent: XmlElement, name: string, child: XmlElement | undefined): XmlElement {
  let isPlaced = child === undefined
  const kept: XmlNode[] = []
  for (const node of parent.children) {
    if (node.kind !== 'element' || node.name !== name) kept.push(node)
    else if (child !== undefined && !isPlaced) {
      isPlaced = true
      kept.push(child)
    } else if (isBlank(kept.at(-1))) kept.pop()
  }
  return { ...parent, children: isPlaced || child === undefined ? kept : appended(kept, [child]) }
}

/** Adds children after the last one, before the white space that ends the element, indented like their siblings. */
export function appended(children: readonly XmlNode[], added: readonly XmlNode[]): readonly XmlNode[] {
  const last = children.at(-1)
  const first = children[0]
  if (last === undefined || !isBlank(last)) return [...children, ...added]
  const indent = first !== undefined && isBlank(first) ? first : last
  return [...children.slice(0, -1), ...added.flatMap((node) => [indent, node]), last]
}

function isBlank(node: XmlNode | undefined): boolean {
  return node?.kind === 'text' && node.text.trim() === ''
}
