"""What programs usually import. The zygote imports it once, so that no run pays for it."""

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
import difflib
import enum
import functools
import hashlib
import heapq
import io
import itertools
import math
import operator
import pathlib
import random
import re
import statistics
import string
import textwrap
import typing
import uuid
