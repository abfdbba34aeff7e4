//! The shape of one function body, read and validated at once.

use wasmparser::{
    FrameKind, FuncValidator, FunctionBody, Operator, OperatorsReader, OperatorsReaderAllocations,
    ValidatorResources,
};

use super::{Location, OpenScope, Result, Scan};
use crate::proposals::PROPOSALS;
use crate::refusal::malformed;

impl Scan<'_> {
    pub(super) fn function(
        &mut self,
        function: &mut FuncValidator<ValidatorResources>,
        body: &FunctionBody<'_>,
        allocations: OperatorsReaderAllocations,
    ) -> Result<OperatorsReaderAllocations> {
        let (shape, totals) = (self.shape, &mut self.totals);
        let here = Location::Function {
            module: match self.open.last() {
                Some(OpenScope::Module(module)) => module.number,
                _ => 0,
            },
            index: function.index(),
        };
        let size = body.as_bytes().len() as u64;
        shape.body.check(size, here)?;
        let mut reader = body.get_binary_reader();
        function.read_locals(&mut reader).map_err(malformed)?;
        reader.set_features(PROPOSALS);
        let locals = u64::from(function.len_locals());
        shape.locals.check(locals, here)?;
        shape
            .all_locals
            .add(&mut totals.locals, locals, Location::Whole)?;

        let (mut depth, mut height, mut loop_depth) = (0, 0, 0);
        let (mut values, mut targets, mut loops, mut merges) = (0, 0, 0, 0);
        let mut reader = OperatorsReader::new_with_allocs(reader, allocations);
        while !reader.eof() {
            let at = reader.original_position();
            let operator = reader.read().map_err(malformed)?;
            let edges = match &operator {
                Operator::If { .. } | Operator::Br { .. } | Operator::BrIf { .. } => 1,
                Operator::BrTable { targets: table } => {
                    let count = u64::from(table.len());
                    shape.targets.add(&mut targets, count, here)?;
                    let total = &mut totals.targets;
                    shape.all_targets.add(total, count, Location::Whole)?;
                    count + 1
                }
                _ => 0,
            };
            let merged = edges * locals;
            shape.edges_by_locals.add(&mut merges, merged, here)?;
            let total = &mut totals.edges_by_locals;
            shape
                .all_edges_by_locals
                .add(total, merged, Location::Whole)?;

            match &operator {
                Operator::Loop { .. } => {
                    loop_depth += 1;
                    shape.loop_depth.check(loop_depth, here)?;
                    let product = loop_depth * locals;
                    shape.loop_depth_by_locals.check(product, here)?;
                    shape.loops_by_locals.add(&mut loops, locals, here)?;
                    let total = &mut totals.loops_by_locals;
                    shape
                        .all_loops_by_locals
                        .add(total, locals, Location::Whole)?;
                }
                Operator::End => {
                    let frame = function.get_control_frame(0);
                    if frame.is_some_and(|frame| frame.kind == FrameKind::Loop) {
                        loop_depth -= 1;
                    }
                }
                _ => {}
            }
            if moves(&operator) {
                // `None` for an operator that does not validate.
                let arity = operator.operator_arity(&function.visitor(at));
                let (takes, gives) =
                    arity.map_or((0, 0), |(takes, gives)| (takes.into(), gives.into()));
                // A `br_table` takes a number, and moves the other values along each of its edges.
                let moved = match edges {
                    0 | 1 => takes + gives,
                    _ => edges * u64::saturating_sub(takes, 1),
                };
                shape.values.add(&mut values, moved, here)?;
                let total = &mut totals.values;
                shape.all_values.add(total, moved, Location::Whole)?;
            }
            function.op(at, &operator).map_err(malformed)?;
            depth = depth.max(u64::from(function.control_stack_height()));
            shape.depth.check(depth, here)?;
            height = height.max(u64::from(function.operand_stack_height()));
            shape.stack.check(height, here)?;
        }
        shape
            .all_depths
            .add(&mut totals.depths, depth, Location::Whole)?;
        let product = size.saturating_mul(locals + height);
        shape.body_by_live.check(product, here)?;
        let total = &mut totals.body_by_live;
        shape
            .all_body_by_live
            .add(total, product, Location::Whole)?;
        let at = reader.original_position();
        let end = reader.get_binary_reader();
        end.finish_expression(&function.visitor(at))
            .map_err(malformed)?;
        Ok(reader.into_allocations())
    }
}

/// Whether the number of values that an operator takes and gives depends on a type.
fn moves(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::Call { .. }
            | Operator::CallIndirect { .. }
    )
}
