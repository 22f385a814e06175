import { describe, expect, it } from 'vitest'
import { element, textOf, withChild } from '../src/xml/element.js'
import { parseXml } from '../src/xml/parse-xml.js'
import { serializeXml } from '../src/xml/serialize-xml.js'
import { refusal } from './support/refusal.js'

const parse = (text: string) => parseXml(text, 'ovf')

describe('an XML document', () => {
  it('keeps text, attributes, comments and the lines of elements', () => {
    const root = parse(
      '<?xml version="1.0"?>\n<!-- c --><a x="1 &amp; &#x32;" y=\'"\'>\r\n<b>t<![CDATA[<&>]]>&lt;</b><!--d--></a>\n',
    )
    expect(root).toMatchObject({
      name: 'a',
      line: 2,
      attributes: [
        { name: 'x', value: '1 & 2' },
        { name: 'y', value: '"' },
      ],
      children: [{ kind: 'text' }, { kind: 'element', name: 'b', line: 3 }, { kind: 'comment', text: 'd' }],
    })
    expect(textOf(root.children.find((node) => node.kind === 'element') ?? root)).toBe('t<&><')
  })

  it('treats names of objects as names', () => {
    const root = parse(
      '<a __proto__="1" constructor="2" toString="3"><toString/><hasOwnProperty>x</hasOwnProperty></a>',
    )
    expect(root.attributes.map(({ name }) => name)).toEqual(['__proto__', 'constructor', 'toString'])
    expect(root.children.map((node) => node.kind === 'element' && node.name)).toEqual(['toString', 'hasOwnProperty'])
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('1')
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it.each([
    ['a DTD', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
    ['a DTD in any case', '<!doctype a><a/>'],
    ['an outside entity', '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'],
    ['a billion laughs', `<!DOCTYPE l [<!ENTITY a "lol">${'<!ENTITY b "&a;&a;">'.repeat(20)}]><l>&b;</l>`],
    ['an entity that nobody declared', '<a>&lol;</a>'],
    ['an entity in an attribute', '<a b="&lol;"/>'],
    ['a bare ampersand', '<a>a & b</a>'],
    ['a reference to NUL', '<a>&#0;</a>'],
    ['a reference beyond Unicode', '<a>&#x110000;</a>'],
    ['half a surrogate by reference', '<a>&#xd800;</a>'],
    ['a control character', '<a>\u0001</a>'],
    ['two roots', '<a/><b/>'],
    ['text after the root', '<a/>more'],
    ['text before the root', 'more<a/>'],
    ['an element that does not end', '<a><b></a>'],
    ['an attribute twice', '<a b="1" b="2"/>'],
    ['an attribute without quotes', '<a b=1/>'],
    ['an element named constructor', '<a><constructor/></a>'],
    ['an element named __proto__', '<a><__proto__/></a>'],
    ['nothing', ''],
    ['only a comment', '<!-- a -->'],
    ['too many levels', '<a>'.repeat(100) + '</a>'.repeat(100)],
    ['too many elements', `<a>${'<b/>'.repeat(100_001)}</a>`],
    ['too many attributes', `<a ${Array.from({ length: 100_001 }, (_, index) => `a${index}="1"`).join(' ')}/>`],
  ])('is refused with %s', (_what, text) => {
    const error = refusal(() => parse(text))
    expect(error.code).toBe('E_SOURCE_INVALID')
    expect(error.hint).toBeTruthy()
  })

  it('names the line of what is wrong', () => {
    expect(refusal(() => parse('<a>\n\n<!DOCTYPE b></a>')).context['line']).toBe(3)
    expect(refusal(() => parse('<a>\n<b>\n</c></a>')).context['line']).toBe(3)
    expect(refusal(() => parse('<a>\n<b c="&d;"/></a>')).context).toMatchObject({ line: 2, element: 'b' })
  })

  it('may hold what looks like a DTD in comments and CDATA', () => {
    expect(textOf(parse('<!-- <!DOCTYPE --><a><![CDATA[<!DOCTYPE x>]]></a>'))).toBe('<!DOCTYPE x>')
  })

  it('takes white space of an attribute for spaces, unless it is a reference', () => {
    expect(parse('<a b="1\n2\t3&#10;4"/>').attributes[0]?.value).toBe('1 2 3\n4')
  })
})

describe('writing XML', () => {
  it('escapes so that it reads back', () => {
    const text = `<>&"'\r\n\t]]>ü😀`
    const root = element('a', { b: text }, [element('c', {}, text)])
    const again = parse(serializeXml(root))
    expect(again.attributes[0]?.value).toBe(text)
    expect(again.children.find((node) => node.kind === 'element')).toMatchObject({ children: [{ text }] })
  })

  it('replaces what XML cannot hold, and keeps a comment a comment', () => {
    const root = element('a', {}, [element('b', {}, '\0\ud800x'), { kind: 'comment', text: 'a--><evil/>-' }])
    const text = serializeXml(root)
    expect(text).toContain('<b>\ufffd\ufffdx</b>')
    expect(parse(text).children.filter((node) => node.kind === 'element')).toHaveLength(1)
  })
})

it('changes children in place, with the white space that goes with them', () => {
  const root = parse('<a>\n  <b/>\n  <c/>\n  <b/>\n</a>')
  const write = (node: typeof root) => serializeXml(node).split('\n').slice(1).join('\n').trim()
  expect(write(withChild(root, 'b', element('b', { x: 1 })))).toBe('<a>\n  <b x="1"/>\n  <c/>\n</a>')
  expect(write(withChild(root, 'b', undefined))).toBe('<a>\n  <c/>\n</a>')
  expect(write(withChild(root, 'd', element('d')))).toBe('<a>\n  <b/>\n  <c/>\n  <b/>\n  <d/>\n</a>')
})
