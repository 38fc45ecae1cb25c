// Package readme holds the two READMEs, README.md and README.zh-CN.md, against each other: whoever changes one changes the other.
// The same in both are the sections, paragraphs, list items and tables, the blocks of code, and in each paragraph or cell the code,
// the numbers and the links. What the sentences say cannot be compared.
package readme
