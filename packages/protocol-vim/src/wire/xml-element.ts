import { SaxesParser } from 'saxes'
import { protocolError, VimError } from '../vim-error.js'

/** An element of an answer, without what namespaces say of its name. */
export interface XmlElement {
  readonly name: string
  /** Name of the data type, of `xsi:type`, without its prefix; a server gives it where a subtype may stand. */
  readonly typeName: string | undefined
  /** Of a reference to a managed object: the object's type. */
  readonly refType: string | undefined
  readonly children: readonly XmlElement[]
  /** All text between its children. */
  readonly text: string
}

const instanceNamespace = 'http://www.w3.org/2001/XMLSchema-instance'
/** Trees of snapshots nest deepest: 32 of them, two elements each. */
const deepest = 256

interface Open {
  name: string
  typeName: string | undefined
  refType: string | undefined
  children: Open[]
  text: string
}

/** Takes the text of an answer apart as it comes. */
export interface XmlReader {
  /** @throws VimError `protocol` */
  readonly push: (text: string) => void
  /** Ends the text and returns its root. @throws VimError `protocol` */
  readonly end: () => XmlElement
}

/** Begins to read one document. Prefixes of namespaces are free (Namespaces in XML 1.0, section 4); types and entities of its own are refused. */
export function xmlReader(): XmlReader {
  const parser = new SaxesParser({ xmlns: true, position: false })
  const open: Open[] = []
  let root: Open | undefined
  parser.on('error', (cause) => {
    throw new VimError('protocol', 'The answer is no XML.', { cause })
  })
  parser.on('doctype', () => {
    throw protocolError('The answer declares a document type.')
  })
  parser.on('opentag', ({ local, attributes }) => {
    if (open.length === deepest) throw protocolError('The answer nests too deep.')
    const element: Open = { name: local, typeName: undefined, refType: undefined, children: [], text: '' }
    for (const { local: key, uri, value } of Object.values(attributes)) {
      if (key !== 'type') continue
      if (uri === instanceNamespace) element.typeName = value.slice(value.indexOf(':') + 1)
      else if (uri === '') element.refType = value
    }
    const parent = open.at(-1)
    if (parent === undefined) root = element
    else parent.children.push(element)
    open.push(element)
  })
  parser.on('closetag', () => {
    open.pop()
  })
  const take = (text: string) => {
    const element = open.at(-1)
    if (element !== undefined) element.text += text
  }
  parser.on('text', take)
  parser.on('cdata', take)
  return {
    push: (text) => {
      parser.write(text)
    },
    end: () => {
      parser.close()
      if (root === undefined) throw protocolError('The answer is empty.')
      return root
    },
  }
}

/** Reads a whole document. @throws VimError `protocol` */
export function parseXml(text: string): XmlElement {
  const reader = xmlReader()
  reader.push(text)
  return reader.end()
}
