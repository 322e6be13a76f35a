"""What each name of Python and of the libraries lets a module do: the catalogue of capabilities.

An entry is a dotted name. `os.open` covers what lies below it as well, `os.*` all members of `os`
that no longer entry covers, but not the bare module: whoever passes it on is judged by `os.*`.
A name that begins with `?.` is a member of a value that nothing is known of.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Final

from emel_tools.boundaries.innocents import IN_PART, INNOCENT

REPLACED: Final = " ="
"""What the name of a member ends in that is given another value, or none."""

_ENTRIES: Final = {
    "files": """
        builtins.open io.open io.open_code io.FileIO io.OpenWrapper io.* _io posix nt _pyio os.*
        pathlib.Path.* pathlib.PosixPath.* pathlib.WindowsPath.* pathlib.* tempfile shutil glob
        fileinput linecache codecs.open codecs.EncodedFile gzip bz2 lzma zipfile tarfile zipimport
        zipapp sqlite3 dbm tokenize.open filecmp logging.FileHandler logging.handlers logging.config
        logging.basicConfig numpy.fromfile numpy.load numpy.loadtxt numpy.genfromtxt numpy.fromregex
        numpy.rec.array numpy.rec.fromfile rich.console.Console.save_html
        rich.console.Console.save_svg numpy.save numpy.savez numpy.savez_compressed
        numpy.savetxt numpy.DataSource numpy.lib.*
        numpy.ndarray.tofile numpy.ndarray.dump numpy.* rich.progress.open rich.progress.wrap_file
        rich.console.Console.save_text typer.open_file click.open_file typer.FileText
        typer.FileTextWrite typer.FileBinaryRead typer.FileBinaryWrite fcntl select selectors
        resource.prlimit importlib.resources importlib.metadata.PackagePath email.message_from_file
        os.path.exists os.path.lexists os.path.isfile os.path.isdir os.path.islink os.path.ismount
        os.path.getsize os.path.getmtime os.path.getatime os.path.getctime os.path.samefile
        os.path.realpath genericpath gguf.GGUFReader gguf.GGUFWriter gguf.gguf_reader
        gguf.gguf_writer posixpath ntpath safetensors.safe_open safetensors.numpy.save_file
        safetensors.numpy.load_file wave aifc sunau chunk mailbox netrc plistlib.load aiofiles
        pandas h5py pyarrow torch.load torch.save ?.read_bytes ?.read_text ?.write_bytes
        ?.write_text ?.iterdir ?.rglob ?.hardlink_to ?.symlink_to ?.tofile ?.fromfile ?.loadtxt
        ?.genfromtxt ?.savetxt ?.savez ?.is_file ?.is_dir ?.is_symlink ?.mkdir numpy.core
        numpy._core inspect.getsource inspect.getsourcelines inspect.findsource
        xml.etree.ElementTree.parse xml.etree.ElementTree.iterparse
        xml.etree.ElementTree.ElementTree rich.syntax.Syntax.from_path tracemalloc.Snapshot
        tracemalloc.take_snapshot _apple_support _android_support _curses _curses_panel _dbm _gdbm
        _locale _msi _osx_support _sitebuiltins _sqlite3 _winapi _zoneinfo argparse ast.main
        base64.main builtins.copyright builtins.credits builtins.license calendar.main cgitb cmd
        compileall configparser contextlib.chdir curses dis.main distutils getpass gettext grp
        imghdr inspect._* inspect.getcomments inspect.getframeinfo inspect.getinnerframes
        inspect.getouterframes inspect.getsourcefile json.tool lib2to3 locale.bindtextdomain mailcap
        mimetypes msilib msvcrt ossaudiodev platform.freedesktop_os_release platform.mac_ver
        platform.platform pstats pwd py_compile pyclbr pydoc quopri.main readline shlex sndhdr spwd
        sysconfig._* tabnanny termios tokenize.main tty unittest.TestLoader unittest.TestProgram
        unittest.__main__ unittest.defaultTestLoader unittest.findTestCases unittest.loader
        unittest.main uu winreg winsound xml.dom xml.etree.ElementInclude xml.sax zoneinfo optparse
        os.chdir os.chroot os.fchdir os.umask
        symtable.main pathlib._abc pathlib._local pathlib._RecursiveWildcardSelector
        pathlib._WildcardSelector sysconfig.is_python_build
    """,
    "mapping": """
        mmap numpy.memmap numpy.lib.format.open_memmap ?.memmap ?.open_memmap ?.madvise
        multiprocessing.shared_memory _posixshmem
    """,
    "threads": """
        threading _thread concurrent asyncio multiprocessing.pool multiprocessing.dummy
        _threading_local sched trio anyio greenlet gevent signal.set_wakeup_fd signal.pthread_kill
        signal.setitimer signal.alarm dummy_threading _dummy_thread
        faulthandler.dump_traceback_later _asyncio _interpchannels _interpqueues _interpreters
        _signal threading.settrace threading.setprofile threading.settrace_all_threads
        threading.setprofile_all_threads threading.stack_size asyncio.set_event_loop_policy
    """,
    "processes": """
        subprocess _posixsubprocess multiprocessing _multiprocessing pty popen2 os.system os.popen
        os.fork os.forkpty os.exec* os.spawn* os.posix_spawn os.posix_spawnp os.startfile os.kill
        os.killpg os.wait os.waitpid os.wait3 os.wait4 os.waitid os.waitstatus_to_exitcode os.abort
        os._exit os.pidfd_open os.setsid os.nice asyncio.create_subprocess_exec
        asyncio.create_subprocess_shell asyncio.subprocess concurrent.futures.ProcessPoolExecutor
        concurrent.futures.process posix.fork posix.system posix.exec* posix.spawn*
        posix.posix_spawn signal.raise_signal webbrowser typer.launch click.launch click.edit
        typer.edit psutil pexpect sh plumbum platform.processor platform.libc_ver uuid.getnode
        rich.console.Console.pager _aix_support _bootsubprocess _osx_support _signal _tkinter
        _winapi _wmi antigravity compileall distutils ensurepip idlelib mailcap pipes platform._*
        platform.architecture platform.platform platform.win32_ver pydoc signal.pidfd_send_signal
        tkinter turtle turtledemo uuid._* uuid.main uuid.uuid1 uuid.uuid6 venv
    """,
    "network": """
        socket _socket ssl _ssl http urllib.request urllib.robotparser urllib.error ftplib smtplib
        poplib imaplib nntplib telnetlib socketserver xmlrpc wsgiref cgi asyncore asynchat
        asyncio.open_connection asyncio.start_server asyncio.open_unix_connection
        asyncio.start_unix_server asyncio.streams requests httpx aiohttp urllib3 httpcore websockets
        paramiko fsspec s3fs boto3 botocore huggingface_hub _overlapped _scproxy
        email.utils.make_msgid logging.config logging.handlers nis pydoc smtpd syslog xml.dom
        xml.sax socket.setdefaulttimeout
    """,
    "imports": """
        importlib imp _imp _frozen_importlib _frozen_importlib_external pkgutil runpy zipimport
        modulefinder builtins.__import__ sys.modules sys.path sys.meta_path sys.path_hooks
        sys.path_importer_cache sys._getframe sys._current_frames sys.addaudithook
        inspect.currentframe inspect.stack inspect.trace inspect.getmodule inspect.getclosurevars
        gc.get_objects gc.get_referents gc.get_referrers site sysconfig.get_path ?.__globals__
        ?.f_globals ?.f_builtins ?.f_locals ?.__subclasses__ ?.__builtins__ ?.__loader__ ?.tb_frame
        ?.gi_frame ?.cr_frame ?.ag_frame ?.f_back ?.__closure__ ?.cell_contents ?.import_module
        ?.__import__ ?.load_module ?.exec_module ?.resolve_name ?.__reduce__ ?.__reduce_ex__
        dunder.__builtins__ dunder.__loader__ dunder.__spec__ _sitebuiltins builtins.help
        inspect.getargvalues inspect.getasyncgenlocals inspect.getcoroutinelocals
        inspect.getframeinfo inspect.getgeneratorlocals inspect.getinnerframes
        inspect.getouterframes logging.config pyclbr pydoc sysconfig._* traceback.walk_stack
        traceback.walk_tb unittest.TestLoader unittest.TestProgram unittest.__main__
        unittest.defaultTestLoader unittest.findTestCases unittest.loader unittest.main warnings._*
        xml.dom xml.sax optparse traceback._*
    """,
    "native": """
        ctypes _ctypes cffi _cffi_backend numpy.ctypeslib numpy.f2py numba cython pyximport
        ?.data_as ?.ctypeslib ?.LoadLibrary ?.CDLL ?.dlopen ?.get_ctypes sys.setdlopenflags
        numpy.ndarray.ctypes.data_as numpy.ndarray.ctypes.shape_as numpy.ndarray.ctypes.strides_as
        cppyy pybind11 numpy.lib.stride_tricks.as_strided _ios_support faulthandler._*
    """,
    "pickle": """
        pickle _pickle cPickle pickletools marshal shelve dill cloudpickle joblib jsonpickle copyreg
        numpy.load(allow_pickle) ?.load(allow_pickle) numpy.ndarray.dumps pandas.read_pickle
        yaml.load yaml.unsafe_load xdrlib pstats
    """,
    "evaluate": """
        builtins.eval builtins.exec builtins.compile code codeop types.FunctionType()
        types.CodeType() types.LambdaType() timeit pdb bdb doctest trace cProfile profile ?.__code__
        builtins.breakpoint sys.breakpointhook typing.get_type_hints _interpreters _lsprof _pyrepl
        _tkinter annotationlib dataclasses._* distutils gettext idlelib ?.signature(eval_str)
        rlcompleter tkinter turtle turtledemo typing.ForwardRef typing._eval_type
        typing.evaluate_forward_ref optparse
    """,
    "settings": """
        os.chdir os.chroot os.fchdir os.umask os.putenv os.unsetenv os.environ.update
        os.environ.setdefault os.environ.pop os.environ.popitem os.environ.clear
        os.environ.__setitem__ os.environ.__delitem__ os.environ.__ior__ os.environb.update
        os.environb.setdefault os.environb.pop os.environb.popitem os.environb.clear
        os.environb.__setitem__ os.environb.__delitem__ os.environb.__ior__ os.nice os.setpriority
        os.sched_set* os.register_at_fork os.setuid os.seteuid os.setgid os.setegid os.setreuid
        os.setregid os.setresuid os.setresgid os.setgroups os.initgroups os.setpgid os.setpgrp
        os.setsid os.setns os.unshare contextlib.chdir contextlib.redirect_stdout
        contextlib.redirect_stderr signal.signal signal.set_wakeup_fd signal.setitimer signal.alarm
        signal.siginterrupt signal.pthread_sigmask _signal locale.setlocale locale.resetlocale
        time.tzset warnings.simplefilter warnings.filterwarnings warnings.resetwarnings
        warnings.catch_warnings warnings.filters gc.disable gc.enable gc.set_threshold gc.set_debug
        gc.freeze gc.unfreeze gc.callbacks sys.setrecursionlimit sys.setswitchinterval sys.settrace
        sys.setprofile sys.set_int_max_str_digits sys.set_asyncgen_hooks sys.monitoring
        sys.set_coroutine_origin_tracking_depth sys.activate_stack_trampoline sys.setdlopenflags
        sys.addaudithook threading.settrace threading.setprofile threading.settrace_all_threads
        threading.setprofile_all_threads threading.stack_size resource.setrlimit resource.prlimit
        numpy.seterr numpy.seterrcall numpy.setbufsize numpy.set_printoptions numpy.random.seed
        numpy.random.set_state numpy.random.set_bit_generator random.seed random.setstate
        logging.basicConfig logging.config logging.disable logging.captureWarnings
        logging.setLoggerClass logging.setLogRecordFactory atexit socket.setdefaulttimeout
        faulthandler.enable faulthandler.disable faulthandler.register faulthandler.unregister
        faulthandler.dump_traceback_later faulthandler.cancel_dump_traceback_later tracemalloc.start
        tracemalloc.stop codecs.register codecs.unregister codecs.register_error
        csv.field_size_limit asyncio.set_event_loop_policy
    """,
}
"""Capability to names. `numpy.*` here is only what happens to numpy as a whole: see _INNOCENT."""

_INNOCENT: Final = """
    os.O_* os.SEEK_* os.W* os.POSIX_* os.EX_* os.path os.PathLike os.fspath os.sep os.altsep
    os.extsep os.pathsep os.linesep os.curdir os.pardir os.name os.devnull os.defpath os.environ
    os.environb os.getenv os.getenvb os.fsencode os.fsdecode os.strerror os.cpu_count
    os.process_cpu_count os.sched_getaffinity os.getpid os.getppid os.error os.urandom
    os.get_terminal_size os.terminal_size os.stat_result os.sysconf os.sysconf_names os.uname
    os.times os.getloadavg os.supports_follow_symlinks os.getuid os.geteuid os.get_exec_path
    os.__name__ os.__doc__ os.getcwd os.sched_yield os.isatty io.BytesIO io.StringIO io.SEEK_SET
    io.SEEK_CUR io.SEEK_END io.IOBase io.RawIOBase io.BufferedIOBase io.TextIOBase
    io.UnsupportedOperation io.DEFAULT_BUFFER_SIZE io.BufferedReader io.BufferedWriter
    io.BufferedRandom io.BufferedRWPair io.TextIOWrapper io.IncrementalNewlineDecoder
    io.text_encoding io.__name__ io.__doc__ logging.handlers.QueueHandler pathlib.PurePath
    pathlib.PurePosixPath pathlib.PureWindowsPath pathlib.Path pathlib.PosixPath pathlib.WindowsPath
    pathlib.__name__ importlib.metadata.version importlib.abc importlib.machinery.ModuleSpec
    importlib.metadata.PackageNotFoundError multiprocessing.cpu_count urllib.error urllib.parse
    numpy.lib.stride_tricks numpy.lib.NumpyVersion numpy.lib.mixins numpy.lib.recfunctions
    numpy.lib.scimath numpy.lib.array_utils http.HTTPStatus asyncio.iscoroutinefunction shlex.join
    shlex.quote shlex.split xml.dom.Node xml.sax.saxutils.escape xml.sax.saxutils.quoteattr
    xml.sax.saxutils.unescape xml.sax.SAXException xml.sax.SAXParseException sys.platform
"""
_PURE_PATH: Final = """
    joinpath with_name with_suffix with_stem name stem suffix suffixes parent parents parts
    as_posix as_uri is_absolute relative_to is_relative_to match full_match anchor drive root
    is_reserved with_segments absolute cwd home expanduser parser from_uri __fspath__ __truediv__
    __rtruediv__ __str__ __name__ __class__ __doc__ __eq__ __hash__ __lt__
"""
_PATH_CLASSES: Final = ("pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath")


def _catalogue() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for capability, names in _ENTRIES.items():
        for name in names.split():
            table[name] = (*table.get(name, ()), capability)
    table |= dict.fromkeys(_INNOCENT.split(), ())
    for owner in _PATH_CLASSES:
        table |= {f"{owner}.{name}": () for name in _PURE_PATH.split()}
    for name in ("builtins.*", "sys.*", "numpy.*", "pathlib.*", "sys.path.*"):
        table.pop(name, None)
    return table


def _within(module: str) -> tuple[str, ...]:
    """Name all that the members of a module give."""
    found = (each for name, each in CATALOGUE.items() if name.startswith(f"{module}."))
    return tuple(sorted({capability for each in found for capability in each}))


NAMES: Final = tuple(_ENTRIES)
"""The capabilities that a contract may name."""
DOES: Final = {
    "files": "opens, reads or looks at files",
    "mapping": "maps memory",
    "threads": "starts threads",
    "processes": "runs processes",
    "network": "uses the network",
    "imports": "reaches for modules other than by importing them",
    "native": "calls native code",
    "pickle": "unpickles",
    "evaluate": "runs text as code",
    "settings": "changes what holds for the whole process",
}
"""What a module does that uses a capability."""
CATALOGUE: Final = _catalogue()
_PREFIXES: Final = {
    name.removesuffix("*"): found
    for name, found in CATALOGUE.items()
    if name[-2:-1] not in ".*"
    if name.endswith("*")
}
"""`os.exec*`: names that begin so."""
_WHOLE: Final = {
    **{module: _within(module) for module in IN_PART},
    **dict.fromkeys(("os", "posix", "nt", "numpy", "numpy.ndarray", "pathlib.Path"), ("files",)),
    "builtins.globals": ("imports",),
}
"""What somebody may get at who has the whole module, to pick a member by a name nobody sees."""


@cache
def powers_of(target: str) -> tuple[str, ...]:
    """Name the capabilities that `target` gives; none for an innocent one.

    Parameters
    ----------
    target
        A dotted name. `os.*` means the module as a whole, `f()` a call of `f`.
    """
    if target.endswith(".*"):
        module = target[:-2]
        return _WHOLE.get(module, powers_of(module))
    if target.endswith(REPLACED):
        return ("settings",)
    for prefix, found in _PREFIXES.items():
        if target.startswith(prefix):
            return found
    last = target.rpartition(".")[2]
    if last.startswith("__") and (found := CATALOGUE.get(f"?.{last}")) is not None:
        return found
    if (found := CATALOGUE.get(target)) is not None:
        return found
    return _covering(target.removesuffix("()"))


def _covering(name: str) -> tuple[str, ...]:
    """Look for the longest entry that covers a name."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        head = ".".join(parts[:end])
        if end < len(parts) and (found := CATALOGUE.get(f"{head}.*")) is not None:
            return found
        if (found := CATALOGUE.get(head)) is not None:
            return found
    return NAMES if _is_unread(parts[0]) else ()


def _is_unread(module: str) -> bool:
    """Whether a module of Python is one that nobody has read: it may do anything."""
    return module in sys.stdlib_module_names and module not in INNOCENT | IN_PART


def is_sensitive(module: str) -> bool:
    """Whether a module holds anything that a capability is needed for."""
    return bool(powers_of(f"{module}.*"))
