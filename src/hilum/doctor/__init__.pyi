from .duplicates import Looks as Looks
from .examine import doctor as doctor
from .packed import PackReport as PackReport
from .report import Report as Report
from .shortcuts import shortcut_checks as shortcut_checks
