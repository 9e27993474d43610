{#- The central interval of a sum over rows of sales_forecast, as {lower, upper}: an aggregate, under
    any `group by`. It sums the rows' sample paths element by element and takes, of the 119 sums,
    the floor(120 (1 - level) / 2)-th lowest and highest (at least the first). Level 0 gives the
    median twice; above 118 / 120 the paths are too few to tell. The port files hold the same body
    as a macro of DuckDB's (publishing/port_file.py), so it names no table and no other macro. -#}
{% macro forecast_interval(units_paths, level) -%}
    {{ interval_of_sums(ordered_path_sums(units_paths), level) }}
{%- endmacro %}

{#- The sums of each of the 119 paths over the rows of a group, ascending. -#}
{% macro ordered_path_sums(units_paths) -%}
    list_sort([
            {%- for path in range(1, 120) %}
            sum({{ units_paths }}[{{ path }}]){{ ',' if not loop.last }}
            {%- endfor %}
        ])
{%- endmacro %}

{#- The central interval among ascending sums. 1e-9: 60 x (1 - 0.8) is less than 12 in binary. -#}
{% macro interval_of_sums(ordered, level) -%}
    {%- set rank -%}
        cast(greatest(1, floor(60 * (1 - {{ level }}) + 1e-9)) as integer)
    {%- endset -%}
    case
        when not coalesce({{ level }} between 0 and 118 / 120.0, false)
            then error(
                'forecast_interval: expected a level from 0 to 0.983, such as 0.8, found '
                || coalesce(cast({{ level }} as varchar), 'null')
                || '. 119 paths cannot tell more.'
            )
        else struct_pack(
            lower := {{ ordered }}[{{ rank }}],
            upper := {{ ordered }}[120 - {{ rank }}]
        )
    end
{%- endmacro %}
