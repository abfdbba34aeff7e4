#!/bin/sh
# Builds the documents as a book into target/book, with the mdbook that is given, and checks each link within it.
#
# The book has docs/ and SECURITY.md. A link from there to the rest of the tree becomes an address of the repository.
set -eu
cd "$(dirname "$0")/.."
mdbook=$1
source=$PWD/target/book-source
book=$PWD/target/book
repository=$(sed -n 's/^repository = "\(.*\)"$/\1/p' Cargo.toml)/blob/main

# rewrite UP EXPRESSION...: a page whose folder is as far below the root as UP says, for its place in the book.
rewrite() {
    up=$1
    shift
    sed "$@" -e "s#](${up}\([^)]*\))#]($repository/\1)#g"
}

rm -rf "$source" "$book"
mkdir -p "$source"
(cd docs && find . -type f ! -name book.sh) | while read -r file; do
    mkdir -p "$source/$(dirname "$file")"
    case $file in
    ./*/*.md) rewrite '\.\./\.\./' -e 's#](\.\./\.\./SECURITY\.md#](../SECURITY.md#g' <"docs/$file" >"$source/$file" ;;
    ./*.md) rewrite '\.\./' -e 's#](\.\./SECURITY\.md#](SECURITY.md#g' <"docs/$file" >"$source/$file" ;;
    *) cp "docs/$file" "$source/$file" ;;
    esac
done
security=SECURITY.md
# Its links begin at the root of the tree: those to docs/ stay in the book, the others leave it.
sed -e 's#](docs/#](./#g' -e "s#](\([A-Za-z][^):]*\))#]($repository/\1)#g" <"$security" >"$source/$security"

"$mdbook" build --dest-dir "$book" "$source" >"$source.log" 2>&1 || {
    cat "$source.log" >&2
    exit 1
}
rm -f "$book/book.toml"
if grep -E 'WARN|ERROR' "$source.log" >&2; then exit 1; fi

# Each link names a page of the book, and a place on it if it names one.
find "$book" -name '*.html' ! -name print.html ! -name 404.html ! -name 'toc*.html' | while read -r page; do
    folder=$(dirname "$page")
    grep -o 'href="[^"]*"' "$page" | sed 's/^href="//; s/"$//' | sort -u | while read -r link; do
        case $link in *://* | mailto:* | '') continue ;; esac
        case $link in
        '#'*) file=$page ;;
        *) file=$folder/${link%%#*} ;;
        esac
        if ! [ -e "$file" ]; then
            echo "book: ${page#"$book/"} links to $link, which is not there" >&2
            echo broken
            continue
        fi
        case $link in
        *'#'*) grep -qF "id=\"${link#*#}\"" "$file" || {
            echo "book: ${page#"$book/"} links to $link, and that page has no such heading" >&2
            echo broken
        } ;;
        esac
    done
done >"$source.broken"
if [ -s "$source.broken" ]; then exit 1; fi
echo "the book is target/book/index.html, $(find "$book" -name '*.html' | wc -l) pages"
