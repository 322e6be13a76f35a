"""Modules of Python that let a module do nothing but compute: the counterpart of the catalogue.

Each was looked at for what it can open, start, import, call or evaluate. One that is neither here
nor in `powers` may do anything: what a later Python brings is red until somebody looks at it.
"""

from __future__ import annotations

from typing import Final

_INNOCENT: Final = """
    __future__ _abc _ast _bisect _blake2 _bz2 _codecs _codecs_cn _codecs_hk _codecs_iso2022
    _codecs_jp _codecs_kr _codecs_tw _collections _collections_abc _colorize _compat_pickle
    _compression _contextvars _crypt _csv _datetime _decimal _elementtree _functools _hashlib _heapq
    _hmac _json _lzma _markupbase _md5 _multibytecodec _opcode _opcode_metadata _operator _py_abc
    _pydatetime _pydecimal _pylong _queue _random _sha1 _sha2 _sha256 _sha3 _sha512 _sre _stat
    _statistics _string _strptime _struct _suggestions _symtable _sysconfig _tokenize _tracemalloc
    _typing _uuid _warnings _weakref _weakrefset abc array audioop binascii bisect cmath collections
    colorsys contextvars copy crypt datetime decimal difflib encodings enum errno fnmatch fractions
    functools getopt graphlib hashlib heapq hmac html ipaddress itertools keyword math nturl2path
    numbers opcode operator pprint pydoc_data pyexpat queue re reprlib secrets sre_compile
    sre_constants sre_parse stat statistics string stringprep struct textwrap this token tomllib
    unicodedata weakref zlib
"""
_IN_PART: Final = """
    ast base64 builtins calendar codecs contextlib csv dataclasses dis email faulthandler gc inspect
    io json locale logging os pathlib platform plistlib quopri random resource signal symtable sys
    sysconfig time tokenize traceback tracemalloc types typing unittest urllib uuid warnings xml
"""
INNOCENT: Final = frozenset(_INNOCENT.split())
"""Those that hold nothing at all that a capability is needed for."""
IN_PART: Final = frozenset(_IN_PART.split())
"""Those that hold nothing of the kind but what the catalogue names of them."""
