from .compare_page import write_comparison as write_comparison
from .dataset.page import write_data_report as write_data_report
from .page import write_report as write_report
from .similar_page import write_similar as write_similar
from .suspects_page import write_suspects as write_suspects
