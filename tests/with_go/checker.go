// Checks a log of orchestrail with an implementation that is not ours: that of Go's checksum database.
//
//	checker proofs             reads claims from standard input, a JSON object a line; answers each with "ok" or a reason
//	checker log URL KEY TOKEN  reads the served log, checks signature, tiles, entries and proofs; prints size and root
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
	sample = 50
)

// claim says that a record, or an earlier tree, is at the beginning of a tree.
type claim struct {
	Kind  string
	Size  int64
	Root  tlog.Hash
	Place int64 // of the record, or the size of the earlier tree
	Hash  tlog.Hash
	Path  []tlog.Hash
}

func (c claim) check() error {
	if c.Kind == "inclusion" {
		return tlog.CheckRecord(c.Path, c.Size, c.Root, c.Place, c.Hash)
	}
	return tlog.CheckTree(c.Path, c.Size, c.Root, c.Place, c.Hash)
}

func proofs(in io.Reader, out io.Writer) error {
	claims := json.NewDecoder(in)
	for {
		var c claim
		if err := claims.Decode(&c); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := c.check(); err != nil {
			fmt.Fprintln(out, strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Fprintln(out, "ok")
		}
	}
}

// served is a log below an address; it reads tiles for package tlog.
type served struct{ address, token string }

func (s served) get(path string) ([]byte, error) {
	request, err := http.NewRequest("GET", s.address+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != 200 {
		err = fmt.Errorf("%s: %s: %s", path, answer.Status, body)
	}
	return body, err
}

func (s served) Height() int { return height }

func (s served) SaveTiles([]tlog.Tile, [][]byte) {}

func (s served) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	held := make([][]byte, len(tiles))
	for i, tile := range tiles {
		// Go's own paths name the height, those of C2SP do not.
		data, err := s.get("tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height)))
		if err != nil {
			return nil, err
		}
		held[i] = data
	}
	return held, nil
}

func (s served) head(key string) (tree tlog.Tree, err error) {
	signed, err := s.get("checkpoint")
	if err != nil {
		return tree, err
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, fmt.Errorf("the checkpoint is %q", opened.Text)
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	copy(tree.Hash[:], root)
	return tree, err
}

func (s served) entries(size int64) ([][]byte, error) {
	var found [][]byte
	for begin := int64(0); begin < size; begin += width {
		tile := tlog.Tile{H: height, L: 0, N: begin / width, W: width}
		if size-begin < width {
			tile.W = int(size - begin)
		}
		held, err := s.get("tile/entries/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/0/", height)))
		if err != nil {
			return nil, err
		}
		for len(held) > 0 {
			length := 2 + int(binary.BigEndian.Uint16(held))
			found, held = append(found, held[2:length]), held[length:]
		}
	}
	if int64(len(found)) != size {
		return nil, fmt.Errorf("%d entries in a log of %d", len(found), size)
	}
	return found, nil
}

func (s served) path(address string) ([]tlog.Hash, error) {
	document, err := s.get(address)
	if err != nil {
		return nil, err
	}
	var said struct{ Path []string }
	if err := json.Unmarshal(document, &said); err != nil {
		return nil, err
	}
	path := make([]tlog.Hash, len(said.Path))
	for i, text := range said.Path {
		if _, err := hex.Decode(path[i][:], []byte(text)); err != nil {
			return nil, err
		}
	}
	return path, nil
}

func (s served) check(key string) (tlog.Tree, error) {
	tree, err := s.head(key)
	if err != nil {
		return tree, err
	}
	// The reader holds each tile against the root before it gives a hash out of it.
	tiles := tlog.TileHashReader(tree, s)
	if root, err := tlog.TreeHash(tree.N, tiles); err != nil || root != tree.Hash {
		return tree, fmt.Errorf("the tiles lead to %v, the checkpoint says %v: %v", root, tree.Hash, err)
	}
	entries, err := s.entries(tree.N)
	if err != nil {
		return tree, err
	}
	indexes := make([]int64, tree.N)
	for n := range indexes {
		indexes[n] = tlog.StoredHashIndex(0, int64(n))
	}
	leaves, err := tiles.ReadHashes(indexes)
	if err != nil {
		return tree, err
	}
	for n, entry := range entries {
		if tlog.RecordHash(entry) != leaves[n] {
			return tree, fmt.Errorf("entry %d does not hash to its leaf", n)
		}
	}
	for i := 0; i < sample; i++ {
		n := rand.Int63n(tree.N)
		expected, err := tlog.ProveRecord(tree.N, n, tiles)
		if err != nil {
			return tree, err
		}
		given, err := s.path(fmt.Sprintf("%d/proof?size=%d", n, tree.N))
		if err != nil {
			return tree, err
		}
		if !reflect.DeepEqual([]tlog.Hash(expected), given) {
			return tree, fmt.Errorf("another proof of entry %d: %v", n, given)
		}
		growth, err := tlog.ProveTree(tree.N, n+1, tiles)
		if err != nil {
			return tree, err
		}
		given, err = s.path(fmt.Sprintf("consistency?first=%d&second=%d", n+1, tree.N))
		if err != nil {
			return tree, err
		}
		if len(given) != len(growth) || len(given) > 0 && !reflect.DeepEqual([]tlog.Hash(growth), given) {
			return tree, fmt.Errorf("another proof of the growth from %d: %v", n+1, given)
		}
	}
	return tree, nil
}

func main() {
	var err error
	if len(os.Args) == 5 && os.Args[1] == "log" {
		var tree tlog.Tree
		if tree, err = (served{os.Args[2], os.Args[4]}).check(os.Args[3]); err == nil {
			fmt.Println(tree.N, hex.EncodeToString(tree.Hash[:]))
		}
	} else {
		out := bufio.NewWriter(os.Stdout)
		err = proofs(bufio.NewReader(os.Stdin), out)
		out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
