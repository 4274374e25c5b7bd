from .candidates import Candidate as Candidate
from .folds import folds_of as folds_of
from .judging.cross_fit import cross_fit as cross_fit
from .learn import learn_heads as learn_heads
from .record import SearchRecord as SearchRecord
from .record import TriedHead as TriedHead
