{#- The windows of the level features, in days back from the cutoff, which is the first of them. -#}
{% macro feature_windows() %}{{ return([7, 14, 28, 56, 140, 364]) }}{% endmacro %}


{#- Whole days from one date to another. -#}
{% macro feature_days_between(earlier, later) %}
    {{- return(adapter.dispatch('feature_days_between', 'meshcast')(earlier, later)) -}}
{% endmacro %}

{% macro default__feature_days_between(earlier, later) %}({{ later }} - {{ earlier }}){% endmacro %}

{% macro spark__feature_days_between(earlier, later) -%}
    datediff({{ later }}, {{ earlier }})
{%- endmacro %}


{#- ISO number of a date's weekday: 1 is Monday, 7 is Sunday. -#}
{% macro feature_weekday(day) %}
    {{- return(adapter.dispatch('feature_weekday', 'meshcast')(day)) -}}
{% endmacro %}

{% macro default__feature_weekday(day) %}cast(extract(isodow from {{ day }}) as integer){% endmacro %}

{% macro spark__feature_weekday(day) -%}
    cast(extract(dayofweek_iso from {{ day }}) as integer)
{%- endmacro %}


{#- One number over another as a double, null when there is nothing to divide by. -#}
{% macro feature_ratio(numerator, denominator) -%}
    cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0)
{%- endmacro %}


{#- Number of the week a day lies in, counted from the first one of the backtest grid: weeks end on
    the weekday of the cutoffs, so that a weekly cutoff sees whole weeks. -#}
{% macro feature_week(day, grid_starts_on) -%}
    cast(
        ceil({{ feature_days_between(grid_starts_on, day) }} / 7.0) as integer
    )
{%- endmacro %}
