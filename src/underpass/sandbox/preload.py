"""What programs usually import. The zygote imports it once, so that no run pays for it.

Each module here makes every sandbox dearer by what a fork copies and an exit frees. So `hashlib`
(half a megabyte of OpenSSL), `uuid` and `statistics` are left to the programs that need them.
"""

# ruff: noqa: F401
# pyright: reportUnusedImport=false
import ast
import asyncio
import base64
import bisect
import collections
import copy
import csv
import dataclasses
import datetime
import decimal
import enum
import functools
import heapq
import io
import itertools
import math
import operator
import pathlib
import random
import re
import string
import textwrap
import typing
