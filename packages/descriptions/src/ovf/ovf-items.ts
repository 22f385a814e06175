import type { Note } from '../described-machine.js'
import { childElements, localName, textOf, type XmlElement } from '../xml/element.js'
import type { TreeReader } from '../xml/unread-parts.js'
import { ovfNumber, wrongOvf } from './ovf-values.js'

/** One virtual device of a VirtualHardwareSection. */
export interface OvfItem {
  readonly node: XmlElement
  /** CIM resource type: 3 is a CPU, 17 a disk. */
  readonly type: number
  readonly instanceId: string
  /** The text of a setting, which is now read. */
  readonly text: (name: string) => string | undefined
  /** Marks the whole item as told by a note. */
  readonly skip: () => void
}

const itemNames = ['Item', 'StorageItem', 'EthernetPortItem']

/**
 * Reads the items that make the machine: those without a configuration, and those of the default one, which replace them.
 *
 * @throws BackupError `E_SOURCE_INVALID`
 */
export function ovfItems(
  hardware: XmlElement,
  configuration: string | undefined,
  reader: TreeReader,
): { readonly items: readonly OvfItem[]; readonly notes: readonly Note[] } {
  const chosen = new Map<string, OvfItem>()
  const notes: Note[] = []
  const nodes = childElements(hardware).filter(({ name }) => itemNames.includes(localName(name)))
  const isOfConfiguration = (node: XmlElement) => stated(node, 'configuration') !== undefined
  for (const node of nodes.toSorted((a, b) => Number(isOfConfiguration(a)) - Number(isOfConfiguration(b)))) {
    const why = reasonToSkip(node, configuration)
    if (why !== undefined) {
      reader.skip(node)
      notes.push({ what: itemTitle(node), where: placeOf(node), why })
      continue
    }
    reader.take(node)
    // Whether an importer must know the device says nothing about the device.
    for (const name of ['configuration', 'bound', 'required']) reader.attribute(node, name)
    const item = itemOf(node, reader)
    const replaced = chosen.get(item.instanceId)
    if (replaced !== undefined) {
      replaced.skip()
      const reason = 'Another item of the same id, which belongs to the default configuration, replaces it.'
      notes.push({ what: itemTitle(replaced.node), where: placeOf(replaced.node), why: reason })
    }
    chosen.set(item.instanceId, item)
  }
  return { items: [...chosen.values()], notes }
}

function itemOf(node: XmlElement, reader: TreeReader): OvfItem {
  const text = (name: string) => reader.text(node, name)
  const type = text('ResourceType')
  const instanceId = text('InstanceID') ?? text('InstanceId')
  if (type === undefined || instanceId === undefined)
    throw wrongOvf(node, 'an item needs a ResourceType and an InstanceID')
  return { node, type: ovfNumber(type, node), instanceId, text, skip: () => reader.skip(node) }
}

function reasonToSkip(node: XmlElement, configuration: string | undefined): string | undefined {
  const bound = stated(node, 'bound')
  if (bound === 'min' || bound === 'max') return `It is only the ${bound}imum of what the machine may have.`
  const configurations = stated(node, 'configuration')?.split(/\s+/)
  if (configurations === undefined || (configuration !== undefined && configurations.includes(configuration)))
    return undefined
  return 'It belongs to a configuration that is not the default one.'
}

/** Names an item as its author did. */
export function itemTitle(node: XmlElement): string {
  const title = childElements(node, 'ElementName')[0] ?? childElements(node, 'Caption')[0]
  return (title === undefined ? '' : textOf(title).slice(0, 100)) || localName(node.name)
}

/** Tells where an item is, as a note does. */
export function placeOf(node: XmlElement): string {
  return `${node.name}${node.line === undefined ? '' : ` (line ${node.line})`}`
}

function stated(node: XmlElement, name: string): string | undefined {
  return node.attributes.find((attribute) => localName(attribute.name) === name)?.value
}
